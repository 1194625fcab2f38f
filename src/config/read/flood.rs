//! `[flood]`.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::faults::Faults;
use super::section::{Section, Value, wrong_type};
use crate::config::Flood;
use crate::config::keys::FLOOD_KEYS;
use crate::mail::address::Address;
use crate::mail::fold_case::fold_case;

/// The section, or what holds without it.
pub(super) fn flood(top: &Section, faults: &mut Faults) -> Flood {
    let nothing = DeTable::new();
    let value = top.get("flood");
    let table = match value.map(Value::get_ref) {
        Some(DeValue::Table(table)) => table,
        _ => &nothing,
    };
    if let Some(value) = value.filter(|value| !value.get_ref().is_table()) {
        wrong_type("flood", "a section, [flood]", value, faults);
    }
    let section = Section::open(table, FLOOD_KEYS, faults);
    let mut senders = BTreeSet::new();
    for sender in section.texts("senders", faults).unwrap_or_default() {
        match Address::parse(sender.value) {
            Ok(_) => drop(senders.insert(fold_case(sender.value).into_owned())),
            Err(error) => {
                faults.add(sender.at, format!("`senders` must be addresses, such as \"root@home.lan\": {error}"));
            }
        }
    }
    Flood { senders, per_hour: section.count("per_hour", faults).unwrap_or(Flood::PER_HOUR) }
}
