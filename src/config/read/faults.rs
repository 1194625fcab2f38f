//! The faults found so far, and where in the text they stand.

use toml::de::Error;

use crate::config::Fault;

/// What the TOML parser says of a key that is given twice.
pub(super) const TWICE: &str = "duplicate key";

/// More syntax faults than these are follow-ons of the first.
const MOST_SYNTAX_FAULTS: usize = 5;

/// Collects faults by their offset in the text.
#[derive(Debug)]
pub(super) struct Faults<'t> {
    text: &'t str,
    found: Vec<(usize, String)>,
}

impl<'t> Faults<'t> {
    /// None yet.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// One more, at an offset in the text. The message quotes keys only, never values.
    pub(super) fn add(&mut self, at: usize, message: impl Into<String>) {
        self.found.push((at, message.into()));
    }

    /// The TOML parser's own. Its `Display` shows the source line, which may hold a
    /// password: only its fixed words are taken.
    pub(super) fn add_syntax(&mut self, errors: &[Error]) {
        for error in errors.iter().take(MOST_SYNTAX_FAULTS) {
            let at = error.span().map_or(0, |span| span.start);
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

    /// In the order of the text, each once.
    pub(super) fn into_list(mut self) -> Vec<Fault> {
        self.found.sort();
        self.found.dedup();
        let text = self.text;
        self.found
            .into_iter()
            .map(|(at, message)| {
                let (line, column) = place(text, at);
                Fault { line, column, message }
            })
            .collect()
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
