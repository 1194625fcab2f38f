//! accounts.json: which accounts are in trouble, since when and why, for mailq and
//! for the next runner. Only the runner writes it. Losing it costs one early probe,
//! so it is replaced by rename without a sync.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::queue::Spool;
use super::state_file;
use crate::spool::SpoolError;

/// What kind of trouble an account is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trouble {
    /// The relay cannot be used now.
    Relay,
    /// The login is rejected.
    Login,
    /// Something else that the owner must change.
    Setup,
}

impl Trouble {
    /// Whether the account's owner must change something. All other trouble passes.
    #[must_use]
    pub fn is_owners(self) -> bool {
        matches!(self, Self::Login | Self::Setup)
    }
}

/// One account's trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Kind.
    pub trouble: Trouble,
    /// When it began.
    pub since: Timestamp,
    /// Last seen.
    pub seen: Timestamp,
    /// Next probe.
    pub next: Timestamp,
    /// When the provider lets the account send again, where its reply names a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// `host[ip]:port` or `none`.
    pub relay: String,
    /// The server's words or ours.
    pub reason: String,
    /// How people have been told of this outage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<AlertChannel>,
}

/// A way to tell people of an outage; each is used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertChannel {
    /// The log.
    Log,
    /// The `on_stuck` command.
    Command,
    /// A mail to postmaster.
    Mail,
}

/// All accounts in trouble, by name.
pub type Health = BTreeMap<String, Outage>;

const NAME: &str = "accounts.json";

/// Reads it; a missing or unreadable file is nobody in trouble.
#[must_use]
pub fn read(spool: &Spool) -> Health {
    state_file::read(spool, NAME).unwrap_or_default()
}

/// Replaces it.
pub fn write(spool: &Spool, health: &Health) -> Result<(), SpoolError> {
    state_file::write(spool, NAME, health)
}
