//! listeners.json: the addresses that the runner cannot listen on, and why, for `status` and `check`.
//!
//! Only the runner writes the file, and it is valid only while one runs. Losing it hides a line of `status` until
//! something changes, so it is replaced by rename without a sync.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::queue::Spool;
use super::state_file;
use crate::spool::SpoolError;

/// An address that the runner cannot listen on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Which, or `systemd`.
    pub address: String,
    /// The system's words.
    pub reason: String,
    /// What to do about it.
    pub cure: String,
}

/// Closed addresses by the name of their listener.
pub type ListenerHealth = BTreeMap<String, Vec<Closed>>;

const NAME: &str = "listeners.json";

/// Reads the file. If it is missing, all listeners work.
#[must_use]
pub fn read(spool: &Spool) -> ListenerHealth {
    state_file::read(spool, NAME).unwrap_or_default()
}

/// Replaces the file, or removes it if all listeners work.
pub fn write(spool: &Spool, health: &ListenerHealth) -> Result<(), SpoolError> {
    if health.is_empty() { state_file::remove(spool, NAME) } else { state_file::write(spool, NAME, health) }
}
