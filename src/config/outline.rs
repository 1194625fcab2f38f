//! The config file as its keys and values are written, for showing: sections in order, and
//! a password never but by the word that it is there.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// Section name (empty for the top), and its keys with their values as written.
pub type Outline = Vec<(String, Vec<(String, String)>)>;

/// Reads a config that has been read without a fault before. The top and `queue` are always there.
pub fn read(path: &Path) -> Result<Outline, ConfigError> {
    let unread = |error| ConfigError::Unreadable { path: path.to_owned(), error, hint: String::new() };
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(unread)?);
    let (table, _) = DeTable::parse_recoverable(&text);
    let mut outline = vec![section("", table.get_ref(), &text, |name| !["account", "queue", "limits"].contains(&name))];
    if let Some(DeValue::Table(accounts)) = table.get_ref().get("account").map(toml::Spanned::get_ref) {
        let mut accounts: Vec<_> = accounts.iter().collect();
        accounts.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in accounts {
            if let DeValue::Table(table) = value.get_ref() {
                outline.push(section(&format!("account.{}", name.get_ref()), table, &text, |_| true));
            }
        }
    }
    let empty = DeTable::new();
    let queue = match table.get_ref().get("queue").map(toml::Spanned::get_ref) {
        Some(DeValue::Table(queue)) => queue,
        _ => &empty,
    };
    outline.push(section("queue", queue, &text, |_| true));
    if let Some(DeValue::Table(limits)) = table.get_ref().get("limits").map(toml::Spanned::get_ref) {
        outline.push(section("limits", limits, &text, |_| true));
    }
    Ok(outline)
}

fn section(name: &str, table: &DeTable, text: &str, wanted: impl Fn(&str) -> bool) -> (String, Vec<(String, String)>) {
    let mut keys: Vec<_> = table.iter().filter(|(key, _)| wanted(key.get_ref())).collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let shown = keys.into_iter().map(|(key, value)| {
        let written = text.get(value.span()).unwrap_or_default().to_owned();
        let is_secret = key.get_ref() == "password" && value.get_ref().is_str();
        (key.get_ref().to_string(), if is_secret { "\"...\"    # not shown".to_owned() } else { written })
    });
    (name.to_owned(), shown.collect())
}
