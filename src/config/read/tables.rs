//! Table options (`generic`, `canonical`, ...): a list of inline tables and `"TYPE:PATH"`, or one of them
//! alone. Whether a file is there is not asked here: its mail waits until it is.

use toml::de::{DeTable, DeValue};

use super::Surroundings;
use super::faults::Faults;
use super::section::{At, Section, Value, absolute, text, wrong_type};
use crate::config::keys::nearest;
use crate::config::{Dialect, TableSource};

/// Postfix's types of which we read the text source.
const TEXT_TYPES: [&str; 6] = ["hash", "btree", "lmdb", "cdb", "dbm", "texthash"];

/// Postfix's types of pattern tables.
const PATTERN_TYPES: [(&str, Dialect); 2] = [("regexp", Dialect::Posix), ("pcre", Dialect::Pcre)];

/// Postfix's type that has no file: what stands behind the colon is the answer.
const STATIC: &str = "static";

const WANTED: &str = "\"hash:/PATH\", \"pcre:/PATH\" or an inline table { \"LOCAL\" = \"REAL\" }";

/// How the text files of an option are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// As for postmap(1).
    Postmap,
    /// As in aliases(5).
    Aliases,
}

/// The sources of an option, in order.
pub(super) fn sources(
    name: &str,
    format: Rows,
    around: &Surroundings,
    top: &Section,
    faults: &mut Faults,
) -> Vec<TableSource> {
    let Some(value) = top.get(name) else { return Vec::new() };
    let mut reader = Reader { name, format, around, faults };
    match value.get_ref() {
        // An empty list says "no table", which is no mistake.
        DeValue::Array(list) => list.iter().filter_map(|item| reader.source(item)).collect(),
        _ => reader.source(value).into_iter().collect(),
    }
}

/// One `TYPE:PATH`, in the format of postmap(1).
pub(super) fn source(name: &str, text: At<&str>, around: &Surroundings, faults: &mut Faults) -> Option<TableSource> {
    Reader { name, format: Rows::Postmap, around, faults }.file(text)
}

/// What is read, and where faults go.
struct Reader<'a, 'b, 'f> {
    name: &'a str,
    format: Rows,
    around: &'a Surroundings<'b>,
    faults: &'a mut Faults<'f>,
}

impl Reader<'_, '_, '_> {
    fn source(&mut self, value: &Value) -> Option<TableSource> {
        match value.get_ref() {
            DeValue::Table(table) => Some(TableSource::Inline(rows(self.name, table, self.faults))),
            DeValue::String(_) => {
                let text = text(self.name, value, self.faults)?;
                self.file(text)
            }
            _ => {
                wrong_type(self.name, WANTED, value, self.faults);
                None
            }
        }
    }

    /// Takes a `TYPE:` off. A path with a colon in its first part needs `./` or a type in front.
    fn file(&mut self, text: At<&str>) -> Option<TableSource> {
        let (kind, path) = match text.value.split_once(':').filter(|(kind, _)| !kind.contains('/')) {
            Some((kind, path)) => (kind, path),
            None => (TEXT_TYPES[0], text.value),
        };
        if kind == STATIC && !path.trim().is_empty() {
            return Some(TableSource::Static(path.trim().to_owned()));
        }
        let pattern = PATTERN_TYPES.iter().find(|(name, _)| *name == kind);
        if pattern.is_none() && kind != STATIC && !TEXT_TYPES.contains(&kind) {
            self.unknown_type(text.at, kind);
            return None;
        }
        if path.is_empty() {
            let message = format!("`{}` has a table type without a path or value: write {WANTED}", self.name);
            self.faults.add(text.at, message);
            return None;
        }
        let path = absolute(self.name, At { at: text.at, value: path }, self.around, self.faults)?;
        Some(match (pattern, self.format) {
            (Some((_, dialect)), _) => TableSource::Pattern(*dialect, path),
            (None, Rows::Postmap) => TableSource::Text(path),
            (None, Rows::Aliases) => TableSource::Aliases(path),
        })
    }

    fn unknown_type(&mut self, at: usize, kind: &str) {
        let known: Vec<&str> =
            TEXT_TYPES.into_iter().chain(PATTERN_TYPES.map(|(name, _)| name)).chain([STATIC]).collect();
        let name = self.name;
        let message = match nearest(kind, known.iter().copied()) {
            Some(near) => format!("`{name}` has an unknown table type; did you mean `{near}:`?"),
            None => {
                format!("`{name}` has an unknown table type; the known ones are {}: and a bare path", known.join(":, "))
            }
        };
        self.faults.add(at, message);
    }
}

fn rows(name: &str, table: &DeTable, faults: &mut Faults) -> Vec<(String, String)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut rows = Vec::new();
    for (key, value) in entries {
        let at = key.span().start;
        let key: &str = key.get_ref();
        match value.get_ref() {
            DeValue::String(result) if key.trim().is_empty() || result.trim().is_empty() => {
                faults.add(at, format!("an entry of `{name}` needs an address on both sides"));
            }
            DeValue::String(result) => rows.push((key.trim().to_owned(), result.trim().to_owned())),
            DeValue::Table(_) => {
                faults.add(
                    at,
                    format!(
                        "a key of `{name}` with a dot or @ in it needs quotes: {{ \"@home.lan\" = \"me@isp.example\" }}"
                    ),
                );
            }
            _ => wrong_type(name, "entries of two strings in quotes", value, faults),
        }
    }
    rows
}
