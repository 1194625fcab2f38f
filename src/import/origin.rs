//! Where in the other program's files a value comes from: people look for it there, not in a file that is yet to be written.

use std::path::{Path, PathBuf};

use super::raw_bytes::is_stand_in;

/// No more places than this are named for one value.
const MOST: usize = 3;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
}

/// The files that an import has read.
#[derive(Debug, Default)]
pub struct Texts(Vec<(PathBuf, String)>);

impl Texts {
    /// Adds one; a file that is read again is the same.
    pub fn add(&mut self, path: &Path, text: &str) {
        if !self.0.iter().any(|(known, _)| known == path) {
            self.0.push((path.to_owned(), text.to_owned()));
        }
    }

    /// The lines with a byte that is not UTF-8, but for those that are comments as a whole.
    pub(super) fn raw_lines(&self) -> Vec<(Place, &str)> {
        let is_comment = |line: &str| line.trim_start().starts_with('#');
        self.lines().filter(|(_, line)| line.contains(is_stand_in) && !is_comment(line)).collect()
    }

    /// The lines with these bytes that are not UTF-8 and what is around them.
    pub(super) fn of_raw(&self, value: &str) -> Vec<Place> {
        let raw: Vec<&str> = value.split(divides).filter(|part| part.contains(is_stand_in)).collect();
        let holds = |line: &str| line.split(divides).any(|part| raw.contains(&part));
        self.lines().filter(|(_, line)| holds(line)).map(|(place, _)| place).collect()
    }

    /// The lines that a value is made of: those with all of it, or else with a part of it.
    pub(super) fn of(&self, values: &[String]) -> Vec<Place> {
        let values = || values.iter().map(String::as_str).filter(|value| !value.is_empty());
        let whole = self.with_any(&values().collect::<Vec<_>>());
        if !whole.is_empty() {
            return whole;
        }
        let parts = values().flat_map(|value| value.split(|c: char| "[]:,@=\"".contains(c) || c.is_whitespace()));
        self.with_any(&parts.filter(|part| part.len() > 1).collect::<Vec<_>>())
    }

    fn with_any(&self, words: &[&str]) -> Vec<Place> {
        let holds = |line: &str| words.iter().any(|word| has_word(without_comment(line), word));
        self.lines().filter(|(_, line)| holds(line)).map(|(place, _)| place).collect()
    }

    fn lines(&self) -> impl Iterator<Item = (Place, &str)> {
        self.0.iter().flat_map(|(path, text)| {
            text.lines().enumerate().map(move |(number, line)| (Place { path: path.clone(), line: number + 1 }, line))
        })
    }
}

/// Whether a character stands between the parts of a value.
fn divides(c: char) -> bool {
    c.is_whitespace() || "\"'`{}[]()<>,;=|:@".contains(c)
}

/// For people: which lines are not UTF-8.
pub(super) fn not_utf8(places: &[Place]) -> String {
    match places {
        [] => "it is not UTF-8".to_owned(),
        [_] => format!("{} is not UTF-8", shown(places)),
        _ => format!("{} are not UTF-8", shown(places)),
    }
}

/// Places for people, as `FILE:LINE`.
pub(super) fn shown(places: &[Place]) -> String {
    let mut names: Vec<String> =
        places.iter().map(|Place { path, line }| format!("{}:{line}", path.display())).collect();
    if names.len() > MOST {
        names.truncate(MOST);
        names.push("others".to_owned());
    }
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => String::new(),
    }
}

/// A line without what may be a comment; a `#` within a value does no harm, since values are looked for in whole lines.
pub(super) fn without_comment(line: &str) -> &str {
    let line = line.split('#').next().unwrap_or(line);
    line.split("dnl").next().unwrap_or(line)
}

/// Whether the word is in it, and not within another one.
fn has_word(line: &str, word: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && !is_stand_in(c));
    line.match_indices(word)
        .any(|(at, _)| is_edge(line[..at].chars().next_back()) && is_edge(line[at + word.len()..].chars().next()))
}
