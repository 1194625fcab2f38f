//! listeners.json: which listeners cannot serve their clients, and why, for `status` and `check`. Only the runner writes it,
//! and it counts only while one runs. Losing it costs a line of `status` until something changes, so it is replaced by rename
//! without a sync.

use std::collections::BTreeMap;

use super::queue::Spool;
use super::state_file;
use crate::spool::SpoolError;

/// What is wrong, by the name of the listener: one sentence for each address or certificate.
pub type ListenerHealth = BTreeMap<String, Vec<String>>;

/// How a sentence begins that is about an address.
pub const CANNOT_LISTEN: &str = "cannot listen on";

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
