//! Colour on a terminal: the word that says whether all is well. None where the output goes elsewhere, on a terminal that
//! knows none, and where `NO_COLOR` is set.

use std::io::IsTerminal as _;

/// Whether escape sequences may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    On,
    Off,
}

const BOLD: &str = "1";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

/// Words that a line begins with, and how each is shown.
const VERDICTS: [(&str, &str); 8] = [
    ("OK", GREEN),
    ("WARNING", YELLOW),
    ("CRITICAL", RED),
    ("UNKNOWN", YELLOW),
    ("FAILED", RED),
    ("error:", RED),
    ("warning:", YELLOW),
    ("Likely cause:", BOLD),
];

impl Colour {
    /// Standard output's.
    pub(super) fn of_stdout() -> Self {
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|kind| kind == "dumb");
        if std::io::stdout().is_terminal() && !is_refused && !is_dumb { Self::On } else { Self::Off }
    }

    /// A heading.
    pub(super) fn bold(self, text: &str) -> String {
        self.paint(BOLD, text)
    }

    /// What is as it should be.
    pub(super) fn good(self, text: &str) -> String {
        self.paint(GREEN, text)
    }

    /// What is not, or not yet.
    pub(super) fn waiting(self, text: &str) -> String {
        self.paint(YELLOW, text)
    }

    /// What is wrong.
    pub(super) fn bad(self, text: &str) -> String {
        self.paint(RED, text)
    }

    /// A line that may begin with a word that says how things are.
    pub(super) fn verdict(self, line: &str) -> String {
        let is_word = |rest: &str| rest.starts_with([':', ' ']) || rest.is_empty();
        let found = VERDICTS.iter().find_map(|(word, code)| {
            let rest = line.strip_prefix(word).filter(|rest| is_word(rest))?;
            Some(self.paint(code, word) + rest)
        });
        found.unwrap_or_else(|| line.to_owned())
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Off => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
