//! listeners.json: which addresses of listeners the runner cannot listen on, and why, for `status` and `check`. Only the runner
//! writes it, and it counts only while one runs. Losing it costs a line of `status` until something changes, so it is replaced by
//! rename without a sync.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::queue::Spool;
use super::state_file;
use crate::spool::SpoolError;

/// An address that cannot be listened on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Which.
    pub address: SocketAddr,
    /// The system's words.
    pub reason: String,
    /// What to do.
    pub cure: String,
}

/// By the name of the listener.
pub type ListenerHealth = BTreeMap<String, Vec<Closed>>;

const NAME: &str = "listeners.json";

/// Reads it; without a file, nothing is wrong.
#[must_use]
pub fn read(spool: &Spool) -> ListenerHealth {
    state_file::read(spool, NAME).unwrap_or_default()
}

/// Replaces it; removes it where nothing is wrong.
pub fn write(spool: &Spool, health: &ListenerHealth) -> Result<(), SpoolError> {
    if health.is_empty() { state_file::remove(spool, NAME) } else { state_file::write(spool, NAME, health) }
}
