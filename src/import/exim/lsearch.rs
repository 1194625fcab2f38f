//! Exim's lookups in text files (its specification, "Single-key lookup types"): `lsearch`, whose keys are what they say, and
//! `nwildlsearch`, whose keys may begin with a star or be regular expressions. Of both, the first row that fits counts.

use crate::config::table::perl_fits;

/// A key and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) data: String,
}

/// What a lookup found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'r> {
    Row(&'r Row),
    Nothing,
    /// This row may fit or not: only Exim knows.
    Undecided(&'r Row),
}

/// The rows of a file. Comments may stand within one; what begins with white space continues the row before.
pub(super) fn rows(text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with(char::is_whitespace) {
            if let Some(last) = rows.last_mut() {
                if !last.data.is_empty() {
                    last.data.push(' ');
                }
                last.data.push_str(line.trim_start());
            }
            continue;
        }
        let (key, rest) = key(line);
        let rest = rest.trim_start();
        let data = rest.strip_prefix(':').unwrap_or(rest).trim_start();
        rows.push(Row { key, data: data.to_owned() });
    }
    rows
}

/// A key ends at a colon or white space, but in quotes, where a backslash may stand before what it means.
fn key(line: &str) -> (String, &str) {
    let Some(inside) = line.strip_prefix('"') else {
        let end = line.find(|c: char| c == ':' || c.is_whitespace()).unwrap_or(line.len());
        return (line[..end].to_owned(), &line[end..]);
    };
    let mut key = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (key, &inside[at + 1..]),
            '\\' => key.extend(chars.next().map(|(_, c)| c)),
            c => key.push(c),
        }
    }
    (key, "")
}

/// The first row for a name, by `nwildlsearch`.
pub(super) fn nwildlsearch<'r>(rows: &'r [Row], name: &str) -> Found<'r> {
    for row in rows {
        match fits(&row.key, name) {
            Some(true) => return Found::Row(row),
            Some(false) => {}
            None => return Found::Undecided(row),
        }
    }
    Found::Nothing
}

/// Whether a key is for this name, without regard to case; `None`: that is not known here.
fn fits(key: &str, name: &str) -> Option<bool> {
    if key.starts_with('^') {
        return perl_fits(&format!("(?i){key}"), name);
    }
    // Negations, named lists, and lookups within the lookup.
    if key.starts_with(['!', '+', '@']) || key.contains(';') {
        return None;
    }
    Some(match key.strip_prefix('*') {
        Some(end) => name.to_lowercase().ends_with(&end.to_lowercase()),
        None => key.eq_ignore_ascii_case(name),
    })
}
