//! `[limits]`.

use toml::de::{DeTable, DeValue};

use super::faults::Faults;
use super::section::{Section, Value, wrong_type};
use crate::config::keys::LIMIT_KEYS;
use crate::config::{Limits, Reserve};

/// The section, or what holds without it.
pub(super) fn limits(top: &Section, faults: &mut Faults) -> Limits {
    let nothing = DeTable::new();
    let value = top.get("limits");
    let table = match value.map(Value::get_ref) {
        Some(DeValue::Table(table)) => table,
        _ => &nothing,
    };
    if let Some(value) = value.filter(|value| !value.get_ref().is_table()) {
        wrong_type("limits", "a section, [limits]", value, faults);
    }
    let section = Section::open(table, LIMIT_KEYS, faults);
    let usual = Limits::default();
    let mut count = |name| section.count(name, faults).and_then(|count| u32::try_from(count).ok());
    let (connections, per_minute, waiting) = (count("connections"), count("per_minute"), count("waiting"));
    let recipients = count("recipients");
    let mut size = |name| section.size(name, faults).map(|read| read.value);
    let (in_flight, waiting_size, root_reserve) = (size("in_flight"), size("waiting_size"), size("root_reserve"));
    Limits {
        recipients: recipients.unwrap_or(usual.recipients),
        connections: connections.unwrap_or(usual.connections),
        in_flight: in_flight.unwrap_or(usual.in_flight),
        per_minute: per_minute.unwrap_or(usual.per_minute),
        waiting: waiting.unwrap_or(usual.waiting),
        waiting_size: waiting_size.unwrap_or(usual.waiting_size),
        root_reserve: root_reserve.map_or(usual.root_reserve, Reserve::Octets),
    }
}
