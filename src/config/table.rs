//! Lookup tables: Postfix's text format (table(5), postmap(1) source) and inline TOML
//! tables, loaded into memory and looked up by key. Which keys are asked for, and
//! what an answer means, is `rules`' business.

mod file;
mod text;

use std::collections::HashMap;
use std::path::PathBuf;

use self::file::FileTable;
use self::text::fold;

/// One element of a table option, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableSource {
    /// Rows in the config itself.
    Inline(Vec<(String, String)>),
    /// A text source, absolute path.
    Text(PathBuf),
}

/// An answer: the value of a row, and where the row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The right-hand side, trimmed.
    pub value: String,
    /// `file:line`, or `generic (inline)`.
    pub place: String,
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
    Inline(HashMap<String, String>),
    Text(Box<FileTable>),
}

impl TableSet {
    /// Loads all sources; what cannot be loaded answers with a [`TableFault`].
    /// A file that was changed a moment ago is waited for, two seconds at most: it may
    /// be half written.
    #[must_use]
    pub fn load(sources: &[TableSource]) -> Self {
        Self { tables: sources.iter().map(Table::load).collect() }
    }

    /// Looks again at files that changed (unchanged for two seconds, read consistently).
    /// Never waits; while a file is in doubt, its last good version answers.
    pub fn refresh(&mut self) {
        for table in &mut self.tables {
            match table {
                Table::Inline(_) => {}
                Table::Text(file) => file.refresh(),
            }
        }
    }

    /// The first row for this key, in the order of the sources; keys are compared lower-cased.
    pub fn lookup(&self, key: &str) -> Result<Option<Hit>, TableFault> {
        let key = fold(key);
        for table in &self.tables {
            if let Some(hit) = table.lookup(&key)? {
                return Ok(Some(hit));
            }
        }
        Ok(None)
    }

    /// Every fault in the loaded sources, for `check`.
    #[must_use]
    pub fn faults(&self) -> Vec<TableFault> {
        let faults = self.tables.iter().map(|table| match table {
            Table::Inline(_) => Vec::new(),
            Table::Text(file) => file.faults(),
        });
        faults.flatten().collect()
    }
}

impl Table {
    fn load(source: &TableSource) -> Self {
        match source {
            TableSource::Text(path) => Self::Text(Box::new(FileTable::load(path))),
            TableSource::Inline(rows) => {
                let mut by_key = HashMap::new();
                for (key, value) in rows {
                    // The first counts, as in a text table.
                    by_key.entry(fold(key).into_owned()).or_insert_with(|| value.trim().to_owned());
                }
                Self::Inline(by_key)
            }
        }
    }

    fn lookup(&self, key: &str) -> Result<Option<Hit>, TableFault> {
        match self {
            Self::Text(file) => file.lookup(key),
            Self::Inline(rows) => {
                let hit = |value: &String| Hit { value: value.clone(), place: "generic (inline)".to_owned() };
                Ok(rows.get(key).map(hit))
            }
        }
    }
}

#[cfg(test)]
mod tests;
