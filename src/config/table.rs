//! Lookup tables: Postfix's text format (table(5), postmap(1) source), pattern tables,
//! aliases(5) and inline TOML tables, loaded into memory and looked up by key. Which keys are asked for, and
//! what an answer means, is `rules`' business.

mod arrival;
mod cache;
mod content;
mod file;
mod include;
mod leaving;
mod pattern;
mod posix;
mod text;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::time::Duration;

pub use self::arrival::ArrivalTables;
pub use self::cache::KeptTables;
pub use self::include::included;
pub use self::leaving::LeavingTables;
pub use self::pattern::{Dialect, perl_fits};
pub(crate) use self::text::rows_of_text;

use self::content::Format;
use self::file::FileTable;
use self::text::fold;
use super::places::USUAL_ALIASES;

/// One element of a table option, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableSource {
    /// Rows in the config itself.
    Inline(Vec<(String, String)>),
    /// A text source, absolute path.
    Text(PathBuf),
    /// A text source in aliases(5) format, absolute path.
    Aliases(PathBuf),
    /// The machine's own file in this format, which need not be there: the config names none.
    UsualAliases,
    /// A pattern table, absolute path.
    Pattern(Dialect, PathBuf),
    /// The same answer, whatever is asked.
    Static(String),
}

impl TableSource {
    /// The file it is in, where it is in one.
    #[must_use]
    pub fn path(&self) -> Option<&std::path::Path> {
        match self {
            Self::Inline(_) | Self::Static(_) => None,
            Self::UsualAliases => Some(std::path::Path::new(USUAL_ALIASES)),
            Self::Text(path) | Self::Aliases(path) | Self::Pattern(_, path) => Some(path),
        }
    }
}

/// How much of an address a key is. Pattern tables are asked for the whole only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// All of it.
    Whole,
    /// Without extension or domain, or the domain alone.
    Part,
}

/// An answer: the value of a row, and where the row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The right-hand side, trimmed.
    pub value: String,
    /// `file:line`, or `generic (inline)` with the option's name.
    pub place: String,
    /// How the row answers for the key.
    pub by: HitBy,
}

/// How a row answers for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitBy {
    /// It has this key.
    Key,
    /// Its pattern fits, or it answers for everything.
    Pattern,
}

/// Why a look-up has no answer, not even "no row": the mail that needs it waits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TableFault(pub String);

/// The loaded tables of one option, asked in order.
#[derive(Debug, Default)]
pub struct TableSet {
    tables: Vec<Table>,
}

#[derive(Debug)]
enum Table {
    /// Values by folded key.
    Inline {
        rows: HashMap<String, String>,
        place: String,
        /// Keys that an earlier row has in another spelling.
        hidden: Vec<String>,
    },
    Static {
        value: String,
        place: String,
    },
    File(Box<FileTable>),
}

impl TableSet {
    /// Loads all sources of the option; what cannot be loaded answers with a [`TableFault`].
    /// A file that was changed a moment ago is waited for, two seconds at most: it may
    /// be half written.
    #[must_use]
    pub fn load(option: &str, sources: &[TableSource]) -> Self {
        Self { tables: sources.iter().map(|source| Table::load(option, source)).collect() }
    }

    /// Looks again at files that changed (unchanged for two seconds, read consistently).
    /// Never waits; while a file is in doubt, its last good version answers.
    pub fn refresh(&mut self) {
        for table in &mut self.tables {
            match table {
                Table::Inline { .. } | Table::Static { .. } => {}
                Table::File(file) => file.refresh(),
            }
        }
    }

    /// How long after now a file that is being written may be read, if it is not written to again; `None`: none is.
    #[must_use]
    pub fn settles_in(&self) -> Option<Duration> {
        let is_settling = |table: &Table| matches!(table, Table::File(file) if file.is_settling());
        self.tables.iter().any(is_settling).then_some(file::SETTLED + file::SETTLED / 10)
    }

    /// Whether there is nothing to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The first row for this key, in the order of the sources; keys are compared case-folded,
    /// patterns see the key as it is.
    pub fn lookup(&self, key: &str, span: Span) -> Result<Option<Hit>, TableFault> {
        let folded = fold(key);
        for table in &self.tables {
            if let Some(hit) = table.lookup(key, &folded, span)? {
                return Ok(Some(hit));
            }
        }
        Ok(None)
    }

    /// Whether a row's value is wanted. Values that depend on the key (`$1` in pattern tables) are not asked about.
    #[must_use]
    pub fn has_value(&self, is_wanted: &dyn Fn(&str) -> bool) -> bool {
        self.tables.iter().any(|table| match table {
            Table::Inline { rows, .. } => rows.values().any(|value| is_wanted(value)),
            Table::Static { value, .. } => is_wanted(value),
            Table::File(file) => file.has_value(is_wanted),
        })
    }

    /// The files for which mail waits, or may: those that cannot be read, and those with invalid entries; each with its first fault.
    #[must_use]
    pub fn first_faults(&self) -> Vec<(PathBuf, TableFault)> {
        let faults = self.tables.iter().filter_map(|table| match table {
            Table::Inline { .. } | Table::Static { .. } => None,
            Table::File(file) => file.first_fault(),
        });
        faults.collect()
    }

    /// The keys of all rows; patterns are none.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let keys = self.tables.iter().map(|table| match table {
            Table::Inline { rows, .. } => rows.keys().cloned().collect(),
            Table::Static { .. } => Vec::new(),
            Table::File(file) => file.keys(),
        });
        keys.flatten().collect()
    }

    /// What the loaded files have without an effect, though it was meant to have one, for `check`. No mail waits for it.
    #[must_use]
    pub fn without_effect(&self) -> Vec<TableFault> {
        let rows = self.tables.iter().map(|table| match table {
            Table::Inline { place, hidden, .. } => {
                let twice = "is there in another spelling, and one of the two is never used: remove one of them";
                hidden.iter().map(|key| TableFault(format!("{place}: the key \"{key}\" {twice}"))).collect()
            }
            Table::Static { .. } => Vec::new(),
            Table::File(file) => file.without_effect(),
        });
        rows.flatten().collect()
    }

    /// Every fault in the loaded sources, for `check`.
    #[must_use]
    pub fn faults(&self) -> Vec<TableFault> {
        let faults = self.tables.iter().map(|table| match table {
            Table::Inline { .. } | Table::Static { .. } => Vec::new(),
            Table::File(file) => file.faults(),
        });
        faults.flatten().collect()
    }
}

impl Table {
    fn load(option: &str, source: &TableSource) -> Self {
        let file = |path, format| Self::File(Box::new(FileTable::load(path, format)));
        match source {
            TableSource::Text(path) => file(path, Format::Text),
            TableSource::Aliases(path) => file(path, Format::Aliases),
            TableSource::UsualAliases => Self::File(Box::new(FileTable::load_if_there(USUAL_ALIASES.as_ref()))),
            TableSource::Pattern(dialect, path) => file(path, Format::Patterns(*dialect)),
            TableSource::Static(value) => Self::Static { value: value.clone(), place: format!("{option} (static)") },
            TableSource::Inline(rows) => {
                let (mut by_key, mut hidden) = (HashMap::new(), Vec::new());
                for (key, value) in rows {
                    // The first counts, as in a text table.
                    match by_key.entry(fold(key).into_owned()) {
                        Entry::Occupied(_) => hidden.push(key.clone()),
                        Entry::Vacant(entry) => drop(entry.insert(value.trim().to_owned())),
                    }
                }
                Self::Inline { rows: by_key, place: format!("{option} (inline)"), hidden }
            }
        }
    }

    fn lookup(&self, key: &str, folded: &str, span: Span) -> Result<Option<Hit>, TableFault> {
        match self {
            Self::File(file) => file.lookup(key, folded, span),
            Self::Static { value, place } => {
                Ok(Some(Hit { value: value.clone(), place: place.clone(), by: HitBy::Pattern }))
            }
            Self::Inline { rows, place, .. } => {
                let hit = |value: &String| Hit { value: value.clone(), place: place.clone(), by: HitBy::Key };
                Ok(rows.get(folded).map(hit))
            }
        }
    }
}

#[cfg(test)]
mod tests;
