//! What a table file holds, by its format: rows found by their key, or patterns tried in
//! order. The file itself, and when it is read, is `file`'s.

use super::pattern::{Dialect, Patterns};
use super::text::Rows;

/// How a table file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Aliases,
    Patterns(Dialect),
}

impl Format {
    /// Pattern tables are never asked for a part of an address.
    pub(super) fn wants_whole_keys(self) -> bool {
        match self {
            Self::Patterns(_) => true,
            Self::Text | Self::Aliases => false,
        }
    }
}

/// A table file's text, read.
#[derive(Debug)]
pub(super) enum Content {
    Rows(Rows),
    Patterns(Patterns),
}

impl Content {
    /// Never fails: what is wrong is in the rows.
    pub(super) fn read(format: Format, text: Vec<u8>) -> Self {
        match format {
            Format::Text => Self::Rows(Rows::new(text)),
            Format::Aliases => Self::Rows(Rows::aliases(text)),
            Format::Patterns(dialect) => Self::Patterns(Patterns::new(&text, dialect)),
        }
    }

    /// Line and value, or problem, of the row for a key, given as it is and folded.
    pub(super) fn find(&self, key: &str, folded: &str) -> Option<(u32, Result<String, String>)> {
        match self {
            Self::Rows(rows) => {
                let found = rows.find(folded)?;
                Some((found.line, found.value.map_err(|problem| problem.remedy().to_owned())))
            }
            Self::Patterns(patterns) => patterns.find(key).map(|answer| (answer.line, answer.value)),
        }
    }

    /// Whether a row's value is wanted.
    pub(super) fn has_value(&self, is_wanted: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Rows(rows) => rows.has_value(is_wanted),
            Self::Patterns(patterns) => patterns.has_value(is_wanted),
        }
    }

    /// The keys of good rows; patterns are none.
    pub(super) fn keys(&self) -> Vec<String> {
        match self {
            Self::Rows(rows) => rows.keys().map(|key| key.text).collect(),
            Self::Patterns(_) => Vec::new(),
        }
    }

    /// Lines, and what in them has no effect, though it was meant to have one.
    pub(super) fn without_effect(&self, format: Format) -> Vec<(u32, String)> {
        match self {
            Self::Rows(rows) => {
                let keys = rows.keys().filter(|_| format == Format::Aliases);
                rows.hidden().into_iter().chain(keys.filter_map(|key| Some((key.line, key.unfit_name()?)))).collect()
            }
            Self::Patterns(patterns) => patterns.ignored(),
        }
    }

    /// Lines and problems of all bad rows.
    pub(super) fn problems(&self) -> Vec<(u32, String)> {
        match self {
            Self::Rows(rows) => rows.problems().map(|(line, problem)| (line, problem.remedy().to_owned())).collect(),
            Self::Patterns(patterns) => patterns.problems(),
        }
    }
}
