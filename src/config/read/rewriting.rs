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
    let value = top.get("propagate_extensions")?;
    let names = list(top, "propagate_extensions", faults);
    let mut read = Vec::new();
    for name in names {
        match Propagates::ALL.into_iter().find(|known| known.name() == name) {
            Some(known) => read.push(known),
            None => faults.add(
                value.span().start,
                "`propagate_extensions` may list only \"canonical\", \"virtual\", \"alias\" and \"generic\"",
            ),
        }
    }
    Some(read)
}
