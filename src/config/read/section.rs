//! One section of the file: typed access to its keys, and the faults of keys that are
//! not known or not of the wanted type. What values mean is for the section's own file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Surroundings;
use super::faults::Faults;
use crate::config::keys::{
    ACCOUNT_KEYS, ALARM_KEYS, CLIENT_KEYS, FLOOD_KEYS, Key, LIMIT_KEYS, LISTEN_KEYS, METRICS_KEYS, OAUTH_KEYS,
    PASSWORD_KEYS, QUEUE_KEYS, TOP_KEYS, nearest,
};
use crate::config::units::{self, UnitError};

/// A value with its place.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// Something read, and its offset in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<T> {
    pub(super) at: usize,
    pub(super) value: T,
}

/// The sections that a key may belong to.
const HOMES: [(&[Key], &str); 11] = [
    (TOP_KEYS, "the top of the file, above the first [section]"),
    (ACCOUNT_KEYS, "an [account.NAME] section"),
    (LISTEN_KEYS, "a [listen.NAME] section"),
    (CLIENT_KEYS, "a [client.NAME] section"),
    (QUEUE_KEYS, "the [queue] section"),
    (LIMIT_KEYS, "the [limits] section"),
    (ALARM_KEYS, "the [alarm] section"),
    (METRICS_KEYS, "the [metrics] section"),
    (FLOOD_KEYS, "the [flood] section"),
    (PASSWORD_KEYS, "password = { ... }"),
    (OAUTH_KEYS, "oauth = { ... }"),
];

/// A table of the file, of which all keys are known.
#[derive(Debug)]
pub(super) struct Section<'t> {
    table: &'t DeTable<'t>,
}

impl<'t> Section<'t> {
    /// Opens a table; keys that are not among `keys` are faults.
    pub(super) fn open(table: &'t DeTable<'t>, keys: &[Key], faults: &mut Faults) -> Self {
        for (key, _) in table {
            let name: &str = key.get_ref();
            if !keys.iter().any(|known| known.name == name) {
                faults.add(key.span().start, unknown(name, keys));
            }
        }
        Self { table }
    }

    /// The value as it stands.
    pub(super) fn get(&self, name: &str) -> Option<&'t Value<'t>> {
        self.table.get(name)
    }

    /// Whether the key is there, rightly or wrongly.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A text that is not empty.
    pub(super) fn text(&self, name: &str, faults: &mut Faults) -> Option<At<&'t str>> {
        text(name, self.get(name)?, faults)
    }

    /// A text or a list of texts, none of them empty, at least one.
    pub(super) fn texts(&self, name: &str, faults: &mut Faults) -> Option<Vec<At<&'t str>>> {
        let value = self.get(name)?;
        let DeValue::Array(list) = value.get_ref() else {
            return text(name, value, faults).map(|one| vec![one]);
        };
        if list.is_empty() {
            faults.add(value.span().start, format!("`{name}` is an empty list: add an element, or remove the key"));
        }
        Some(list.iter().filter_map(|item| text(name, item, faults)).collect())
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str, faults: &mut Faults) -> Option<bool> {
        let value = self.get(name)?;
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        wrong_type(name, "true or false, without quotes", value, faults);
        None
    }

    /// A whole number from 1.
    pub(super) fn count(&self, name: &str, faults: &mut Faults) -> Option<usize> {
        let value = self.get(name)?;
        let Some(number) = integer(value) else {
            wrong_type(name, "a whole number, without quotes", value, faults);
            return None;
        };
        let count = usize::try_from(number).ok().filter(|&count| count > 0);
        if count.is_none() {
            faults.add(value.span().start, format!("`{name}` must be at least 1"));
        }
        count
    }

    /// A duration with its unit.
    pub(super) fn duration(&self, name: &str, faults: &mut Faults) -> Option<At<Duration>> {
        let value = self.get(name)?;
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) => measured(name, at, units::duration(text), faults),
            DeValue::Integer(_) => measured(name, at, Err(UnitError::NoUnit), faults),
            _ => {
                wrong_type(name, "a duration in quotes, such as \"1h30m\"", value, faults);
                None
            }
        }
    }

    /// A size in octets.
    pub(super) fn size(&self, name: &str, faults: &mut Faults) -> Option<At<u64>> {
        let value = self.get(name)?;
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) => measured(name, at, units::size(text), faults),
            DeValue::Integer(_) => match integer(value).map(u64::try_from) {
                Some(Ok(value)) => Some(At { at, value }),
                _ => measured(name, at, Err(UnitError::NoNumber), faults),
            },
            _ => {
                wrong_type(name, "a size, such as \"50MB\" or \"64MiB\"", value, faults);
                None
            }
        }
    }

    /// A path, made absolute.
    pub(super) fn path(&self, name: &str, around: &Surroundings, faults: &mut Faults) -> Option<PathBuf> {
        let text = self.text(name, faults)?;
        absolute(name, text, around, faults)
    }
}

/// A text that is not empty.
pub(super) fn text<'t>(name: &str, value: &'t Value<'t>, faults: &mut Faults) -> Option<At<&'t str>> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(text) if text.trim().is_empty() => {
            faults.add(at, format!("`{name}` is empty: set a value, or remove the key"));
            None
        }
        DeValue::String(text) => Some(At { at, value: text }),
        _ => {
            wrong_type(name, "a string in quotes", value, faults);
            None
        }
    }
}

/// `~/x` below the home, relative paths below the config's folder.
pub(super) fn absolute(name: &str, text: At<&str>, around: &Surroundings, faults: &mut Faults) -> Option<PathBuf> {
    if text.value.contains('\0') {
        faults.add(text.at, format!("`{name}` contains a NUL character, which no path can have"));
        return None;
    }
    if let Some(behind) = text.value.strip_prefix('~') {
        let below = if behind.is_empty() { Some("") } else { behind.strip_prefix('/') };
        return match (below, around.home) {
            (Some(below), Some(home)) => Some(home.join(below.trim_start_matches('/'))),
            (None, _) => {
                let message =
                    format!("`{name}` names another user's home directory: only ~/ is supported, write the full path");
                faults.add(text.at, message);
                None
            }
            (Some(_), None) => {
                faults.add(
                    text.at,
                    format!("`{name}` starts with ~/ but this user has no home directory: write the full path"),
                );
                None
            }
        };
    }
    Some(around.path.parent().unwrap_or(Path::new("/")).join(text.value))
}

/// Says what is wanted and what kind of value is there instead.
pub(super) fn wrong_type(name: &str, wanted: &str, value: &Value, faults: &mut Faults) {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    faults.add(value.span().start, format!("`{name}` must be {wanted}; this is {found}"));
}

fn measured<T>(name: &str, at: usize, read: Result<T, UnitError>, faults: &mut Faults) -> Option<At<T>> {
    match read {
        Ok(value) => Some(At { at, value }),
        Err(error) => {
            faults.add(at, format!("`{name}`: {error}"));
            None
        }
    }
}

fn integer(value: &Value) -> Option<i64> {
    let DeValue::Integer(number) = value.get_ref() else { return None };
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// What to say of a key that does not belong where it stands.
fn unknown(name: &str, keys: &[Key]) -> String {
    let shown: String = name.chars().flat_map(char::escape_debug).take(64).collect();
    if let Some((_, home)) = HOMES.iter().find(|(keys, _)| keys.iter().any(|key| key.name == name)) {
        return format!("`{shown}` does not belong here but in {home}");
    }
    if let Some(near) = nearest(name, keys.iter().map(|key| key.name)) {
        return format!("unknown key `{shown}`; did you mean `{near}`?");
    }
    let elsewhere = HOMES.iter().find_map(|(keys, home)| Some((nearest(name, keys.iter().map(|key| key.name))?, home)));
    if let Some((near, home)) = elsewhere {
        return format!("unknown key `{shown}`; did you mean `{near}`? It belongs in {home}");
    }
    let known = keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
    format!("unknown key `{shown}`; the keys here are {known}")
}

/// Adds a fault where a duration that divides or paces something is zero.
pub(super) fn not_zero(name: &str, read: &At<Duration>, faults: &mut Faults) {
    if read.value.is_zero() {
        faults.add(read.at, format!("`{name}` must not be zero"));
    }
}
