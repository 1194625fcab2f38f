//! The keys of rewriting on arrival: `canonical` and its like, masquerading, and which
//! maps propagate extensions.

use std::path::Path;

use toml::de::DeValue;

use super::Surroundings;
use super::faults::Faults;
use super::section::Section;
use super::tables::{Rows, sources};
use crate::config::{Propagates, Rewriting, TableSource, places};
use crate::mail::address::Address;
use crate::mail::address_class::AddressClass;

/// All of them.
pub(super) fn rewriting(around: &Surroundings, top: &Section, faults: &mut Faults) -> Rewriting {
    // Programs have written into that file for decades, and expect it to be read.
    let is_unset = around.path == Path::new(places::SYSTEM_CONFIG) && !top.has("aliases");
    let mut tables = |name, format| -> Vec<TableSource> { sources(name, format, around, top, faults) };
    let read = Rewriting {
        canonical: tables("canonical", Rows::Postmap),
        sender_canonical: tables("sender_canonical", Rows::Postmap),
        recipient_canonical: tables("recipient_canonical", Rows::Postmap),
        virtuals: tables("virtual", Rows::Postmap),
        aliases: if is_unset { vec![TableSource::UsualAliases] } else { tables("aliases", Rows::Aliases) },
        ..Rewriting::default()
    };
    Rewriting {
        masquerade_domains: domains("masquerade_domains", top, faults),
        masquerade_exceptions: list(top, "masquerade_exceptions", faults),
        propagate_extensions: propagates(top, faults).unwrap_or(read.propagate_extensions),
        ..read
    }
}

/// An empty list is as good as none.
fn list(top: &Section, name: &str, faults: &mut Faults) -> Vec<String> {
    if top.get(name).is_some_and(|value| matches!(value.get_ref(), DeValue::Array(list) if list.is_empty())) {
        return Vec::new();
    }
    let texts = top.texts(name, faults).unwrap_or_default();
    texts.into_iter().map(|text| text.value.to_owned()).collect()
}

/// A list of domains; those of `masquerade_domains` may have a mark in front.
pub(super) fn domains(name: &str, top: &Section, faults: &mut Faults) -> Vec<String> {
    let read = list(top, name, faults);
    let at = top.get(name).map_or(0, |value| value.span().start);
    let (mark, wanted) = match name {
        "masquerade_domains" => ("!", "such as \"example.com\" or \"!host.example.com\""),
        _ => ("", "such as \"home.lan\""),
    };
    for domain in &read {
        let plain = if mark.is_empty() { domain } else { domain.trim_start_matches(mark) };
        if Address::new("x", plain).is_err() {
            faults.add(at, format!("`{name}` must list domains, {wanted}"));
        }
    }
    read
}

fn propagates(top: &Section, faults: &mut Faults) -> Option<Vec<Propagates>> {
    choices("propagate_extensions", &Propagates::ALL.map(|one| (one.name(), one)), top, faults)
}

/// Which addresses `generic` is for.
pub(super) fn generic_classes(top: &Section, faults: &mut Faults) -> Vec<AddressClass> {
    let [sender, recipient, header_sender, header_recipient] = AddressClass::ALL;
    let known = [sender, recipient, AddressClass::RemoteRecipient, header_sender, header_recipient];
    let known = known.map(|one| (one.name(), one));
    choices("generic_classes", &known, top, faults).unwrap_or_else(|| AddressClass::ALL.to_vec())
}

/// A list of words that mean something; `None`: the key is not set.
fn choices<T: Copy>(key: &str, known: &[(&str, T)], top: &Section, faults: &mut Faults) -> Option<Vec<T>> {
    let value = top.get(key)?;
    let mut read = Vec::new();
    for word in list(top, key, faults) {
        if let Some((_, meaning)) = known.iter().find(|(name, _)| *name == word) {
            read.push(*meaning);
        } else {
            let names: Vec<String> = known.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let (last, others) = names
                .split_last()
                .map_or((String::new(), String::new()), |(last, others)| (last.clone(), others.join(", ")));
            faults.add(value.span().start, format!("`{key}` may list only {others} and {last}"));
        }
    }
    Some(read)
}
