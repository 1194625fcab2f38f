//! accounts.json: which accounts are in trouble, since when and why, for mailq and
//! for the next runner. Only the runner writes it. Losing it costs one early probe,
//! so it is replaced by rename without a sync.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SpoolError;
use super::queue::Spool;

/// What kind of trouble an account is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trouble {
    /// The relay cannot be used now.
    Relay,
    /// The login is rejected.
    Login,
    /// Something else that the owner must mend.
    Setup,
}

/// One account's trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sick {
    /// Kind.
    pub trouble: Trouble,
    /// When it began.
    pub since: Timestamp,
    /// Last seen.
    pub seen: Timestamp,
    /// Next probe.
    pub next: Timestamp,
    /// Failures in a row.
    pub failures: u32,
    /// `host[ip]:port` or `none`.
    pub relay: String,
    /// The server's words or ours.
    pub reason: String,
}

/// All accounts in trouble, by name.
pub type Health = BTreeMap<String, Sick>;

const NAME: &str = "accounts.json";

/// Reads it; a missing or unreadable file is nobody in trouble.
#[must_use]
pub fn read(spool: &Spool) -> Health {
    let bytes = std::fs::read(spool.dir().join(NAME)).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Replaces it.
pub fn write(spool: &Spool, health: &Health) -> Result<(), SpoolError> {
    let path = spool.dir().join(NAME);
    let temporary = spool.dir().join(".accounts.json.new");
    let fail = |action, path: &std::path::Path| {
        let path = path.to_owned();
        move |error| SpoolError::Io { action, path, error }
    };
    let text = serde_json::to_vec(health).map_err(|e| fail("write", &path)(e.into()))?;
    let mut file = std::fs::File::create(&temporary).map_err(fail("create", &temporary))?;
    file.write_all(&text).map_err(fail("write", &temporary))?;
    std::fs::rename(&temporary, &path).map_err(fail("rename", &path))
}
