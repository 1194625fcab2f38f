//! `[alarm]`.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::Surroundings;
use super::faults::Faults;
use super::password::password_source;
use super::section::{Section, Value, not_zero, text, wrong_type};
use crate::config::Password;
use crate::config::alarm::{Alarm, Format, Heartbeat, Target, Template};
use crate::config::keys::{ALARM_KEYS, FORMAT_KEYS, HEARTBEAT_KEYS};
use crate::config::sender_pattern::is_pattern;
use crate::config::units;
use crate::mail::address::Address;
use crate::mail::fold_case::fold_case;

/// The section, or what holds without it. `usual` is how long a relay must be out of reach where it does not say so.
pub(super) fn alarm(around: &Surroundings, usual: Duration, top: &Section, faults: &mut Faults) -> Alarm {
    let nothing = DeTable::new();
    let value = top.get("alarm");
    let table = match value.map(Value::get_ref) {
        Some(DeValue::Table(table)) => table,
        _ => &nothing,
    };
    if let Some(value) = value.filter(|value| !value.get_ref().is_table()) {
        wrong_type("alarm", "a section, [alarm]", value, faults);
    }
    let section = Section::open(table, ALARM_KEYS, faults);
    let command = section.texts("command", faults).unwrap_or_default();
    Alarm {
        command: command.into_iter().map(|word| word.value.to_owned()).collect(),
        url: section.get("url").and_then(|value| web_address("url", around, value, faults)),
        format: section.get("format").and_then(|value| format(value, faults)).unwrap_or(Format::Json),
        detail: section.flag("detail", faults).unwrap_or(false),
        motd: section.flag("motd", faults).unwrap_or(false),
        after: section.duration("after", faults).map_or(usual, |read| read.value),
        expect: section.get("expect").map(|value| expected(value, faults)).unwrap_or_default(),
        heartbeat: section.get("heartbeat").and_then(|value| heartbeat(around, value, faults)),
    }
}

/// Senders, each with a duration.
fn expected(value: &Value, faults: &mut Faults) -> BTreeMap<String, Duration> {
    let DeValue::Table(table) = value.get_ref() else {
        wrong_type("expect", "a table, such as { \"backup@home.lan\" = \"25h\" }", value, faults);
        return BTreeMap::new();
    };
    let mut expected = BTreeMap::new();
    for (key, value) in table {
        if is_pattern(key.get_ref()) {
            // Whichever of them wrote, the silence of the others would not be noticed.
            let message = "`expect` names each sender by its address, such as \"backup@home.lan\"; a pattern with * is not possible";
            faults.add(key.span().start, message);
        } else if let Err(error) = Address::parse(key.get_ref()) {
            faults.add(key.span().start, format!("`expect` names senders, such as \"backup@home.lan\": {error}"));
        }
        let Some(read) = text("expect", value, faults) else { continue };
        match units::duration(read.value) {
            Ok(allowed) => drop(expected.insert(fold_case(key.get_ref()).into_owned(), allowed)),
            Err(error) => faults.add(read.at, format!("`expect`: {error}")),
        }
    }
    expected
}

fn heartbeat(around: &Surroundings, value: &Value, faults: &mut Faults) -> Option<Heartbeat> {
    let DeValue::Table(table) = value.get_ref() else {
        wrong_type(
            "heartbeat",
            "a table, such as { url = { file = \"secrets/heartbeat\" }, every = \"1d\" }",
            value,
            faults,
        );
        return None;
    };
    let section = Section::open(table, HEARTBEAT_KEYS, faults);
    let every = section.duration("every", faults);
    if let Some(every) = &every {
        not_zero("every", every, faults);
    }
    if !section.has("url") {
        faults.add(value.span().start, "`heartbeat` has no `url`: write url = { file = \"secrets/heartbeat\" }");
    }
    let url = section.get("url").and_then(|value| web_address("url", around, value, faults))?;
    Some(Heartbeat { url, every: every.map_or(Heartbeat::EVERY, |read| read.value) })
}

/// A web address is a secret: it is kept outside of the config, which is shown around.
fn web_address(name: &str, around: &Surroundings, value: &Value, faults: &mut Faults) -> Option<Password> {
    let at = value.span().start;
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!(
            "`{name}` is a secret, since anyone who knows the web address can post there: write it into a file of mode 0600 and \
             {name} = {{ file = \"secrets/{name}\" }} here"
        );
        faults.add(at, message);
        return None;
    };
    if table.contains_key("keyring") {
        faults.add(at, format!("`{name}` cannot be in the keyring: write {name} = {{ file = \"secrets/{name}\" }}"));
        return None;
    }
    password_source(around, name, at, table, faults)
}

fn format(value: &Value, faults: &mut Faults) -> Option<Format> {
    let at = value.span().start;
    let DeValue::Table(table) = value.get_ref() else {
        let known = match text("format", value, faults)?.value {
            "json" => Some(Format::Json),
            "ntfy" => Some(Format::Ntfy),
            _ => None,
        };
        if known.is_none() {
            faults.add(at, "`format` must be \"json\", \"ntfy\" or a template, such as { text = \"{host}: {text}\" }");
        }
        return known;
    };
    let section = Section::open(table, FORMAT_KEYS, faults);
    let mut templates = Target::ALL.into_iter().filter(|(name, _)| section.has(name));
    let (Some((name, target)), None) = (templates.next(), templates.next()) else {
        faults.add(at, "`format` must be one template: { json = \"...\" }, { form = \"...\" } or { text = \"...\" }");
        return None;
    };
    let text = section.text(name, faults)?;
    match Template::parse(target, text.value) {
        Ok(template) => Some(Format::Template(template)),
        Err(error) => {
            faults.add(text.at, format!("`{name}`: {error}"));
            None
        }
    }
}
