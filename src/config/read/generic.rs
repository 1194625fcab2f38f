//! Table options (`generic`): a list of inline tables and `"TYPE:PATH"`, or one of them
//! alone. Whether a file is there is not asked here: its mail waits until it is.

use toml::de::{DeTable, DeValue};

use super::Surroundings;
use super::faults::Faults;
use super::section::{At, Section, Value, absolute, text, wrong_type};
use crate::config::TableSource;
use crate::config::keys::nearest;

/// Postfix's types of which we read the text source.
const TEXT_TYPES: [&str; 6] = ["hash", "btree", "lmdb", "cdb", "dbm", "texthash"];

/// Postfix's types that are known but not read yet.
const PATTERN_TYPES: [&str; 2] = ["regexp", "pcre"];

const WANTED: &str = "\"hash:/PATH\" or an inline table { \"LOCAL\" = \"INTERNET\" }";

/// The sources of `generic`, in order.
pub(super) fn sources(around: &Surroundings, top: &Section, faults: &mut Faults) -> Vec<TableSource> {
    let Some(value) = top.get("generic") else { return Vec::new() };
    match value.get_ref() {
        // An empty list says "no table", which is no mistake.
        DeValue::Array(list) => list.iter().filter_map(|item| source(around, item, faults)).collect(),
        _ => source(around, value, faults).into_iter().collect(),
    }
}

fn source(around: &Surroundings, value: &Value, faults: &mut Faults) -> Option<TableSource> {
    match value.get_ref() {
        DeValue::Table(table) => Some(TableSource::Inline(rows(table, faults))),
        DeValue::String(_) => {
            let text = text("generic", value, faults)?;
            let path = path(text, faults)?;
            absolute("generic", path, around, faults).map(TableSource::Text)
        }
        _ => {
            wrong_type("generic", WANTED, value, faults);
            None
        }
    }
}

/// Takes a `TYPE:` off. A path with a colon in its first part needs `./` or a type in front.
fn path<'t>(text: At<&'t str>, faults: &mut Faults) -> Option<At<&'t str>> {
    let Some((kind, path)) = text.value.split_once(':').filter(|(kind, _)| !kind.contains('/')) else {
        return Some(text);
    };
    if TEXT_TYPES.contains(&kind) {
        if path.is_empty() {
            faults.add(text.at, format!("`generic` names a table type without a path: write {WANTED}"));
            return None;
        }
        return Some(At { at: text.at, value: path });
    }
    let message = if PATTERN_TYPES.contains(&kind) {
        "`generic` names a pattern table (regexp:, pcre:), which is not read: write its rows into a text table"
            .to_owned()
    } else if let Some(near) = nearest(kind, TEXT_TYPES) {
        format!("`generic` names an unknown table type; did you mean `{near}:`?")
    } else {
        format!("`generic` names an unknown table type; known are {}: and a bare path", TEXT_TYPES.join(":, "))
    };
    faults.add(text.at, message);
    None
}

fn rows(table: &DeTable, faults: &mut Faults) -> Vec<(String, String)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut rows = Vec::new();
    for (key, value) in entries {
        let at = key.span().start;
        let key: &str = key.get_ref();
        match value.get_ref() {
            DeValue::String(result) if key.trim().is_empty() || result.trim().is_empty() => {
                faults.add(at, "a row of `generic` wants an address on both sides");
            }
            DeValue::String(result) => rows.push((key.trim().to_owned(), result.trim().to_owned())),
            DeValue::Table(_) => {
                faults.add(
                    at,
                    "a key of `generic` with a dot or @ in it needs quotes: { \"@home.lan\" = \"me@isp.example\" }",
                );
            }
            _ => wrong_type("generic", "rows of two texts in quotes", value, faults),
        }
    }
    rows
}
