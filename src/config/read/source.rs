//! One file of the configuration: its text, where it is from, and who can read it.

use std::path::Path;

/// Who can read a config file besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Nobody: a password may stand in it.
    OwnerOnly,
    /// The group or everybody.
    Others,
}

impl Source<'_> {
    /// The file and this line in it, or the variable.
    #[must_use]
    pub fn line(&self, line: usize) -> String {
        let variable = self.variables.get(line.saturating_sub(1)).cloned();
        variable.unwrap_or_else(|| format!("{}:{line}", self.path.display()))
    }
}

/// The text of one file.
#[derive(Debug, Clone, Copy)]
pub struct Source<'t> {
    /// The file, absolute.
    pub path: &'t Path,
    /// What is in it.
    pub text: &'t str,
    /// Who can read it.
    pub readers: Readers,
    /// Where it is no file but the environment: the name of each line's variable. A file has none.
    pub variables: &'t [String],
}
