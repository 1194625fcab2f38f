//! The tables of admission, loaded together.

use std::path::PathBuf;
use std::time::Duration;

use super::{TableFault, TableSet};
use crate::config::Rewriting;

/// One set per option.
#[derive(Debug, Default)]
pub struct ArrivalTables {
    /// `canonical`.
    pub canonical: TableSet,
    /// `sender_canonical`.
    pub sender_canonical: TableSet,
    /// `recipient_canonical`.
    pub recipient_canonical: TableSet,
    /// `virtual`.
    pub virtuals: TableSet,
    /// `aliases`.
    pub aliases: TableSet,
}

impl ArrivalTables {
    /// Loads what the config names.
    #[must_use]
    pub fn load(rewriting: &Rewriting) -> Self {
        Self {
            canonical: TableSet::load("canonical", &rewriting.canonical),
            sender_canonical: TableSet::load("sender_canonical", &rewriting.sender_canonical),
            recipient_canonical: TableSet::load("recipient_canonical", &rewriting.recipient_canonical),
            virtuals: TableSet::load("virtual", &rewriting.virtuals),
            aliases: TableSet::load("aliases", &rewriting.aliases),
        }
    }

    /// Looks again at files that changed.
    pub fn refresh(&mut self) {
        let Self { canonical, sender_canonical, recipient_canonical, virtuals, aliases } = self;
        [sender_canonical, recipient_canonical, canonical, virtuals, aliases].into_iter().for_each(TableSet::refresh);
    }

    /// How long after now a file that is being written may be read; `None`: none is.
    #[must_use]
    pub fn settles_in(&self) -> Option<Duration> {
        self.all().into_iter().filter_map(TableSet::settles_in).max()
    }

    /// The files for which mail waits, or may, each with its first fault.
    #[must_use]
    pub fn first_faults(&self) -> Vec<(PathBuf, TableFault)> {
        self.all().into_iter().flat_map(TableSet::first_faults).collect()
    }

    /// Every fault in them, for `check`.
    #[must_use]
    pub fn faults(&self) -> Vec<TableFault> {
        self.all().into_iter().flat_map(TableSet::faults).collect()
    }

    /// What they have without an effect, for `check`.
    #[must_use]
    pub fn without_effect(&self) -> Vec<TableFault> {
        self.all().into_iter().flat_map(TableSet::without_effect).collect()
    }

    fn all(&self) -> [&TableSet; 5] {
        let Self { canonical, sender_canonical, recipient_canonical, virtuals, aliases } = self;
        [sender_canonical, recipient_canonical, canonical, virtuals, aliases]
    }
}
