//! The config file as its keys and values are written, for showing: sections in order, and
//! a password never but by the word that it is there.

use std::io::ErrorKind;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_edit::Key;
use zeroize::Zeroizing;

use super::{ConfigError, container};

/// Which section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Above the first.
    Top,
    /// `[account.NAME]`.
    Account(String),
    /// `[account.NAME.timeouts]`.
    Timeouts(String),
    /// `[listen.NAME]`.
    Listen(String),
    /// `[client.NAME]`.
    Client(String),
    /// `[queue]`.
    Queue,
    /// `[limits]`.
    Limits,
    /// `[alarm]`.
    Alarm,
    /// `[metrics]`.
    Metrics,
    /// `[flood]`.
    Flood,
}

impl Part {
    /// Its heading without brackets; the top has none.
    #[must_use]
    pub fn heading(&self) -> String {
        // In quotes where TOML wants them.
        let key = |name: &str| Key::new(name).to_string();
        match self {
            Self::Top => String::new(),
            Self::Account(name) => format!("account.{}", key(name)),
            Self::Timeouts(name) => format!("account.{}.timeouts", key(name)),
            Self::Listen(name) => format!("listen.{}", key(name)),
            Self::Client(name) => format!("client.{}", key(name)),
            Self::Queue => "queue".to_owned(),
            Self::Limits => "limits".to_owned(),
            Self::Alarm => "alarm".to_owned(),
            Self::Metrics => "metrics".to_owned(),
            Self::Flood => "flood".to_owned(),
        }
    }
}

/// A section, and its keys with their values as written; sections in it are not among them.
#[derive(Debug, Clone)]
pub struct Section {
    /// Which.
    pub part: Part,
    /// In the file's order.
    pub keys: Vec<(String, String)>,
}

/// Reads a config that has been read without a fault before. The top, `queue`, `limits`, `alarm`, `metrics` and `flood` are always there.
pub fn read(path: &Path) -> Result<Vec<Section>, ConfigError> {
    Ok(of_text(&text(path)?))
}

/// The text of a file of such a config.
pub(super) fn text(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let unread = |error| ConfigError::Unreadable { path: path.to_owned(), error, hint: String::new() };
    let text = match std::fs::read_to_string(path) {
        // In a container the environment is enough.
        Err(error) if error.kind() == ErrorKind::NotFound && container::is_here() => String::new(),
        text => text.map_err(unread)?,
    };
    Ok(Zeroizing::new(text))
}

/// The same of a text.
#[must_use]
pub fn of_text(text: &str) -> Vec<Section> {
    let (table, _) = DeTable::parse_recoverable(text);
    let top = table.get_ref();
    let mut outline = vec![section(
        Part::Top,
        top,
        text,
        &["account", "listen", "client", "queue", "limits", "alarm", "metrics", "flood"],
    )];
    for (name, table) in named(top, "account") {
        outline.push(section(Part::Account(name.clone()), table, text, &["timeouts"]));
        if let Some(timeouts) = inner(table, "timeouts") {
            outline.push(section(Part::Timeouts(name), timeouts, text, &[]));
        }
    }
    for (kind, part) in [("listen", Part::Listen as fn(String) -> Part), ("client", Part::Client)] {
        outline.extend(named(top, kind).into_iter().map(|(name, table)| section(part(name), table, text, &[])));
    }
    let nothing = DeTable::new();
    for (part, name) in [
        (Part::Queue, "queue"),
        (Part::Limits, "limits"),
        (Part::Alarm, "alarm"),
        (Part::Metrics, "metrics"),
        (Part::Flood, "flood"),
    ] {
        outline.push(section(part, inner(top, name).unwrap_or(&nothing), text, &[]));
    }
    outline
}

/// The sections of a kind by their names, in the order of the file.
fn named<'t, 'd>(top: &'t DeTable<'d>, kind: &str) -> Vec<(String, &'t DeTable<'d>)> {
    let Some(sections) = inner(top, kind) else { return Vec::new() };
    let mut sections: Vec<_> = sections.iter().collect();
    sections.sort_by_key(|(name, _)| name.span().start);
    let table = |value: &'t toml::Spanned<DeValue<'d>>| match value.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    };
    sections.into_iter().filter_map(|(name, value)| Some((name.get_ref().to_string(), table(value)?))).collect()
}

fn inner<'t, 'd>(table: &'t DeTable<'d>, name: &str) -> Option<&'t DeTable<'d>> {
    match table.get(name).map(toml::Spanned::get_ref) {
        Some(DeValue::Table(inner)) => Some(inner),
        Some(_) | None => None,
    }
}

fn section(part: Part, table: &DeTable, text: &str, without: &[&str]) -> Section {
    let mut keys: Vec<_> = table.iter().filter(|(key, _)| !without.contains(&key.get_ref().as_ref())).collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let shown = keys.into_iter().map(|(key, value)| (key.get_ref().to_string(), written(key.get_ref(), value, text)));
    Section { part, keys: shown.collect() }
}

/// A value as it stands in the file, without the secrets in it. A table that has a heading of its own is shown in one line.
fn written(key: &str, value: &Spanned<DeValue>, text: &str) -> String {
    if is_secret(key, value.get_ref()) {
        return "\"...\"    # not shown".to_owned();
    }
    let as_it_stands = text.get(value.span()).unwrap_or_default();
    match value.get_ref().as_table() {
        Some(table) if !as_it_stands.starts_with('{') || has_secret(table) => inline(table, text),
        _ => as_it_stands.to_owned(),
    }
}

fn has_secret(table: &DeTable) -> bool {
    table.iter().any(|(key, value)| is_secret(key.get_ref(), value.get_ref()))
}

fn inline(table: &DeTable, text: &str) -> String {
    let mut keys: Vec<_> = table.iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let shown = keys.into_iter().map(|(key, value)| {
        let is_secret = is_secret(key.get_ref(), value.get_ref());
        let value = if is_secret { "\"...\"".to_owned() } else { written(key.get_ref(), value, text) };
        format!("{} = {value}", key.get_ref())
    });
    format!("{{ {} }}", shown.collect::<Vec<_>>().join(", "))
}

/// Whether nobody is to see the value of this key.
pub(super) fn is_secret(key: &str, value: &DeValue) -> bool {
    key == "scram" || (matches!(key, "password" | "client_secret") && value.is_str())
}
