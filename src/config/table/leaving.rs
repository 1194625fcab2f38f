//! The tables that decide, at every attempt, whether a recipient leaves this machine and under which address.

use std::path::PathBuf;
use std::time::Duration;

use super::{TableFault, TableSet};
use crate::config::Config;

/// One set per option.
#[derive(Debug, Default)]
pub struct LeavingTables {
    /// `generic`.
    pub generic: TableSet,
    /// `local_users`.
    pub local_users: TableSet,
}

impl LeavingTables {
    /// Loads what the config names.
    #[must_use]
    pub fn load(config: &Config) -> Self {
        Self {
            generic: TableSet::load("generic", &config.generic),
            local_users: TableSet::load("local_users", &config.local_users),
        }
    }

    /// Looks again at files that changed.
    pub fn refresh(&mut self) {
        self.generic.refresh();
        self.local_users.refresh();
    }

    /// How long after now a file that is being written may be read; `None`: none is.
    #[must_use]
    pub fn settles_in(&self) -> Option<Duration> {
        self.generic.settles_in().max(self.local_users.settles_in())
    }

    /// The files for which mail waits, or may, each with its first fault.
    #[must_use]
    pub fn first_faults(&self) -> Vec<(PathBuf, TableFault)> {
        [&self.generic, &self.local_users].into_iter().flat_map(TableSet::first_faults).collect()
    }

    /// Every fault in them, for `check`.
    #[must_use]
    pub fn faults(&self) -> Vec<TableFault> {
        [&self.generic, &self.local_users].into_iter().flat_map(TableSet::faults).collect()
    }

    /// What they have without an effect, for `check`.
    #[must_use]
    pub fn without_effect(&self) -> Vec<TableFault> {
        [&self.generic, &self.local_users].into_iter().flat_map(TableSet::without_effect).collect()
    }
}
