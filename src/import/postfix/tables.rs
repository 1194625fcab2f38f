//! The tables that main.cf names, `type:name` each: as sources for our own options, or taken apart into rows where
//! accounts are made of them. What cannot be had is noted by name.

use std::collections::HashSet;
use std::path::PathBuf;

use super::main_cf::{MainCf, elements};
use crate::config::table::rows_of_text;
use crate::import::draft::{Draft, inline as inline_rows, quoted};
use crate::mail::fold_case::fold_case;

/// The key of a row that answers whatever is asked; no row is written so.
pub(crate) const ALL: &str = "";

/// Types of which the text source is read.
const TEXT: [&str; 6] = ["hash", "btree", "lmdb", "cdb", "dbm", "texthash"];

/// One element of a list of tables.
enum Table {
    Text(String, PathBuf),
    Pattern(String, PathBuf),
    /// A pattern table in main.cf itself, as the text of a file.
    InlinePatterns(String, String),
    /// One answer for everything.
    Static(String),
    Inline(Vec<(String, String)>),
}

/// `Err`: why there is no such table here.
fn table(main: &MainCf<'_>, element: &str) -> Result<Table, String> {
    let element = element.strip_prefix("proxy:").unwrap_or(element);
    let usual = || main.or_default("default_database_type", "hash");
    let (kind, name) = match element.split_once(':').filter(|(kind, _)| !kind.contains('/')) {
        Some((kind, name)) => (kind.to_owned(), name),
        None => (usual(), element),
    };
    match kind.as_str() {
        "static" => Ok(Table::Static(unbraced(name).to_owned())),
        "inline" => Ok(Table::Inline(inline(name)?)),
        "regexp" | "pcre" if name.trim_start().starts_with('{') => {
            let lines: Vec<String> =
                elements(unbraced(name)).iter().map(|row| format!("{}\n", unbraced(row))).collect();
            Ok(Table::InlinePatterns(kind, lines.concat()))
        }
        "regexp" | "pcre" => Ok(Table::Pattern(kind, main.place(name))),
        _ if TEXT.contains(&kind.as_str()) => Ok(Table::Text(kind, main.place(name))),
        "unionmap" | "pipemap" | "randmap" => Err(format!(
            "{kind} combines other tables; list those tables in the option itself, or one table with their entries"
        )),
        _ => Err(format!("tables of type {kind} are not supported; write the entries to a text file")),
    }
}

fn unbraced(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).map_or(text, str::trim)
}

/// `{ key=value, { key = a value } }`.
fn inline(text: &str) -> Result<Vec<(String, String)>, String> {
    let rows = elements(unbraced(text));
    let parted = rows.iter().map(|row| {
        let (key, value) = unbraced(row).split_once('=').ok_or("an entry of the inline table has no =")?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    });
    parted.collect()
}

fn unreadable(path: &std::path::Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}; tables are read as text, without a postmap step", path.display())
}

/// The tables of a parameter as elements of one of our options, in TOML.
pub(crate) fn sources(main: &MainCf<'_>, name: &str, draft: &mut Draft) -> Vec<String> {
    let elements = main.list(name);
    elements
        .iter()
        .filter_map(|element| source_of(main, name, &format!("{name} = {element}"), element, draft))
        .collect()
}

/// The table that stands at this place, as an element of one of our options, in TOML.
pub(crate) fn source(main: &MainCf<'_>, place: &str, element: &str, draft: &mut Draft) -> Option<String> {
    let name = place.split(' ').next().unwrap_or(place);
    source_of(main, name, place, element, draft)
}

fn source_of(main: &MainCf<'_>, name: &str, place: &str, element: &str, draft: &mut Draft) -> Option<String> {
    match table(main, element) {
        Ok(Table::Text(kind, path) | Table::Pattern(kind, path)) => match main.read(&path) {
            Ok(text) if main.is_copied(&path) => {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                return Some(quoted(&format!("{kind}:{}", draft.table(&file, text))));
            }
            Ok(_) => return Some(quoted(&format!("{kind}:{}", path.display()))),
            Err(error) => draft.left_out(place, unreadable(&path, &error)),
        },
        Ok(Table::InlinePatterns(kind, text)) => {
            return Some(quoted(&format!("{kind}:{}", draft.table(&format!("{name}.{kind}"), text))));
        }
        Ok(Table::Static(value)) => return Some(quoted(&format!("static:{value}"))),
        Ok(Table::Inline(rows)) => {
            let rows: Vec<String> =
                rows.iter().map(|(key, value)| format!("{} = {}", quoted(key), quoted(value))).collect();
            return Some(inline_rows(&rows));
        }
        Err(why) => draft.left_out(place, why),
    }
    None
}

/// The keys of a table; `None`: they cannot be had, or some stand for more than one.
pub(crate) fn keys(main: &MainCf<'_>, element: &str) -> Option<Vec<String>> {
    let (keys, is_whole) = known_keys(main, "", element);
    (is_whole && !keys.iter().any(|key| key == ALL)).then_some(keys)
}

/// How much of a parameter's tables is known.
pub(crate) enum Known {
    /// All of it.
    All,
    /// Up to a table that cannot be read, or a pattern that means more than one address, one domain or everything: the keys before
    /// it, which Postfix asks first.
    Before(Vec<String>),
}

/// How much of a parameter's tables is known.
pub(crate) fn known(main: &MainCf<'_>, name: &str) -> Known {
    let mut keys = Vec::new();
    for element in main.list(name) {
        let (known, is_whole) = known_keys(main, name, &element);
        keys.extend(known);
        if !is_whole {
            return Known::Before(keys);
        }
    }
    Known::All
}

/// The rows of all tables of a parameter, keys case-folded as they are asked for; of one key the first row.
/// A pattern that means one address, one domain or everything is such a row.
pub(crate) fn rows(main: &MainCf<'_>, name: &str, draft: &mut Draft) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for element in main.list(name) {
        match taken_apart(main, name, &element, draft) {
            Ok(rows) => all.extend(rows),
            Err(why) => draft.left_out(format!("{name} = {element}"), why),
        }
    }
    // What follows a row for everything is never asked.
    let end = all.iter().position(|(key, _)| key == ALL).map_or(all.len(), |at| at + 1);
    all.truncate(end);
    let mut seen = HashSet::new();
    all.retain(|(key, _)| seen.insert(key.clone()));
    all
}

fn taken_apart(
    main: &MainCf<'_>,
    name: &str,
    element: &str,
    draft: &mut Draft,
) -> Result<Vec<(String, String)>, String> {
    let read = |path: &PathBuf| main.read(path).map_err(|error| unreadable(path, &error));
    let folded = |rows: Vec<(String, String)>| {
        rows.into_iter().map(|(key, value)| (fold_case(&key).into_owned(), value)).collect()
    };
    Ok(match table(main, element)? {
        Table::Static(value) => vec![(ALL.to_owned(), value)],
        Table::Inline(rows) => folded(rows),
        Table::Text(_, path) => folded(rows_of_text(read(&path)?.as_bytes())),
        Table::Pattern(_, path) => patterns(name, &read(&path)?, draft),
        Table::InlinePatterns(_, text) => patterns(name, &text, draft),
    })
}

fn patterns(name: &str, text: &str, draft: &mut Draft) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (pattern, key, value) in pattern_rows(text) {
        match key {
            Some(key) => rows.push((key, value)),
            None => draft.left_out(
                format!("{name} entry {pattern}"),
                "only patterns for one address, one domain or everything can be converted; list the senders in an account",
            ),
        }
    }
    rows
}

/// Pattern, the key that it stands for if it is one, and value.
fn pattern_rows(text: &str) -> Vec<(String, Option<String>, String)> {
    let mut is_inside = false;
    let rows = rows_of_text(text.as_bytes()).into_iter().map(|(pattern, value)| {
        is_inside = is_inside || pattern == "if";
        let key = key_of(&pattern).filter(|_| !is_inside && !value.contains('$'));
        (pattern, key, value)
    });
    rows.collect()
}

/// The keys of a table up to the first row that is not known, and whether there is none.
fn known_keys(main: &MainCf<'_>, name: &str, element: &str) -> (Vec<String>, bool) {
    let patterns = match table(main, element) {
        Ok(Table::Pattern(_, path)) => main.read(&path).ok(),
        Ok(Table::InlinePatterns(_, text)) => Some(text),
        _ => None,
    };
    let Some(text) = patterns else {
        let rows = taken_apart(main, name, element, &mut Draft::default());
        let keys = |rows: Vec<(String, String)>| rows.into_iter().map(|(key, _)| key).collect();
        return rows.map_or((Vec::new(), false), |rows| (keys(rows), true));
    };
    let rows = pattern_rows(&text);
    let known: Vec<String> = rows.iter().map_while(|(_, key, _)| key.clone()).collect();
    let is_whole = known.len() == rows.len();
    (known, is_whole)
}

/// The key that a pattern stands for.
fn key_of(pattern: &str) -> Option<String> {
    let (body, flags) = pattern.strip_prefix('/')?.rsplit_once('/')?;
    if !flags.is_empty() {
        return None;
    }
    if ["", ".", ".*", "^", "^.*", "^.*$", ".+", "^.+$"].contains(&body) {
        return Some(ALL.to_owned());
    }
    let body = body.strip_suffix('$')?;
    let (is_whole, body) = match body.strip_prefix('^') {
        Some(body) => (true, body),
        None => (false, body),
    };
    let body = if is_whole { body } else { body.strip_prefix(".*").unwrap_or(body) };
    let (is_whole, body) = match body.strip_prefix(".*@").or_else(|| body.strip_prefix(".+@")) {
        Some(domain) if is_whole => (false, format!("@{domain}")),
        _ => (is_whole, body.to_owned()),
    };
    let mut key = String::new();
    let mut rest = body.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => key.push(rest.next().filter(|c| !c.is_ascii_alphanumeric())?),
            '.' | '*' | '+' | '?' | '[' | ']' | '(' | ')' | '{' | '}' | '|' | '^' | '$' => return None,
            c => key.push(c),
        }
    }
    let fits = if is_whole { key.find('@').is_some_and(|at| at > 0) } else { key.starts_with('@') };
    fits.then(|| fold_case(&key).into_owned())
}

#[cfg(test)]
mod tests;
