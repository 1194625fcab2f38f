//! The faults found so far, and where in the files they stand.

use toml::de::Error;

use super::source::Source;
use crate::config::Fault;

/// What the TOML parser says of a key that is given twice.
pub(super) const TWICE: &str = "duplicate key";

/// More syntax faults than these are follow-ons of the first.
const MOST_SYNTAX_FAULTS: usize = 5;

/// Collects faults by their offset in the texts of all files, one behind the other.
#[derive(Debug)]
pub(super) struct Faults<'t> {
    sources: Vec<(usize, Source<'t>)>,
    found: Vec<(usize, String)>,
}

impl<'t> Faults<'t> {
    /// None yet.
    pub(super) fn new(sources: impl IntoIterator<Item = Source<'t>>) -> Self {
        let mut start = 0;
        let placed = sources.into_iter().map(|source| {
            let at = start;
            start += source.text.len() + 1;
            (at, source)
        });
        Self { sources: placed.collect(), found: Vec::new() }
    }

    /// The files, each with the offset at which it begins.
    pub(super) fn sources(&self) -> Vec<(usize, Source<'t>)> {
        self.sources.clone()
    }

    /// The file in which an offset is, and its line and column there.
    pub(super) fn place(&self, at: usize) -> (&Source<'t>, usize, usize) {
        // The first begins at 0, so there is always one.
        let index = self.sources.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        let (start, source) = &self.sources[index];
        let (line, column) = place(source.text, at - start);
        (source, line, column)
    }

    /// One more, at an offset in the text. The message quotes keys only, never values.
    pub(super) fn add(&mut self, at: usize, message: impl Into<String>) {
        self.found.push((at, message.into()));
    }

    /// The TOML parser's own. Its `Display` shows the source line, which may hold a
    /// password: only its fixed words are taken.
    pub(super) fn add_syntax(&mut self, start: usize, errors: &[Error]) {
        for error in errors.iter().take(MOST_SYNTAX_FAULTS) {
            let at = start + error.span().map_or(0, |span| span.start);
            if error.message() == TWICE {
                self.add(at, "this key occurs twice: remove one of them");
            } else {
                self.add(
                    at,
                    format!("not TOML: {}; strings need quotes, and each key needs its own line", error.message()),
                );
            }
        }
    }

    /// In the order of the files, each once.
    pub(super) fn into_list(mut self) -> Vec<Fault> {
        self.found.sort();
        self.found.dedup();
        let found = std::mem::take(&mut self.found);
        let fault = |(at, message)| {
            let (source, line, column) = self.place(at);
            match source.variables.get(line.saturating_sub(1)) {
                Some(variable) => Fault::of_variable(variable.clone(), message),
                None => Fault { path: source.path.to_owned(), line, column, message },
            }
        };
        found.into_iter().map(fault).collect()
    }
}

/// Line and column, both from 1, the column in characters.
pub(in crate::config) fn place(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
