//! `[limits]`.

use toml::de::{DeTable, DeValue};

use super::faults::Faults;
use super::section::{Section, Value, wrong_type};
use crate::config::Limits;
use crate::config::keys::LIMIT_KEYS;

/// The section, or what holds without it.
pub(super) fn limits(top: &Section, faults: &mut Faults) -> Limits {
    let nothing = DeTable::new();
    let value = top.get("limits");
    let table = match value.map(Value::get_ref) {
        Some(DeValue::Table(table)) => table,
        _ => &nothing,
    };
    if let Some(value) = value.filter(|value| !value.get_ref().is_table()) {
        wrong_type("limits", "to be a section, [limits]", value, faults);
    }
    let section = Section::open(table, LIMIT_KEYS, faults);
    let usual = Limits::default();
    let mut count = |name| section.count(name, faults).and_then(|count| u32::try_from(count).ok());
    let (connections, per_minute) = (count("connections"), count("per_minute"));
    let in_flight = section.size("in_flight", faults).map(|read| read.value);
    Limits {
        connections: connections.unwrap_or(usual.connections),
        in_flight: in_flight.unwrap_or(usual.in_flight),
        per_minute: per_minute.unwrap_or(usual.per_minute),
    }
}
