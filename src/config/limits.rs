//! `[limits]`: the recipients of one message; and what one user may hand in at once and have
//! waiting, in system mode, so that nobody starves the others. root is exempt from these, and
//! has a reserve of the disk.

use std::path::Path;

use super::places::is_system_spool;
use crate::mail::submitter::Submitter;

/// Per submitter, but for `recipients`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Recipients of one message, whoever submits it, before aliases. Aliases may add as many again.
    pub recipients: u32,
    /// Connections at once.
    pub connections: u32,
    /// Octets being handed in at once.
    pub in_flight: u64,
    /// Messages in any minute.
    pub per_minute: u32,
    /// Messages that wait, or failed and were set aside.
    pub waiting: u32,
    /// Octets of these.
    pub waiting_size: u64,
    /// What is root's of the spool's file system.
    pub root_reserve: Reserve,
}

impl Limits {
    /// `recipients` as a count of things in memory.
    #[must_use]
    pub fn recipients(&self) -> usize {
        usize::try_from(self.recipients).unwrap_or(usize::MAX)
    }

    /// What must stay free when this submitter stores something in that spool: the disk under a user's own spool is not
    /// kept for root.
    #[must_use]
    pub fn reserve_from(&self, submitter: &Submitter, spool: &Path) -> Reserve {
        let is_kept = *submitter != Submitter::ROOT && is_system_spool(spool);
        if is_kept { self.root_reserve } else { Reserve::NONE }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            recipients: 10_000,
            connections: 20,
            in_flight: 500_000_000,
            per_minute: 2_000,
            waiting: 10_000,
            waiting_size: 1_000_000_000,
            root_reserve: Reserve::Tenth,
        }
    }
}

/// What must stay free for somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// So many octets.
    Octets(u64),
    /// A tenth of the file system, at most a gigabyte.
    Tenth,
}

impl Reserve {
    /// For whoever shares with nobody.
    pub const NONE: Self = Self::Octets(0);

    /// Octets of a file system of this size.
    #[must_use]
    pub fn of(self, whole: u64) -> u64 {
        match self {
            Self::Octets(octets) => octets,
            Self::Tenth => (whole / 10).min(1_000_000_000),
        }
    }
}
