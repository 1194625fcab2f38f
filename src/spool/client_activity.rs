//! clients.json: what clients did last and what kept others out, for `postrider client list`. Only the runner writes it. Losing it
//! costs what it says, so it is replaced by rename without a sync.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::queue::Spool;
use super::state_file;
use crate::spool::SpoolError;

/// All that is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientActivity {
    /// By the name of the client.
    pub clients: BTreeMap<String, Seen>,
    /// Handshakes that failed, the last of each address and listener, oldest first.
    pub handshakes: Vec<FailedHandshake>,
}

/// What is remembered of one client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// When it was let in last.
    pub last_login: Option<Login>,
    /// What it was refused last.
    pub last_refusal: Option<Refused>,
}

/// A client was let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// When, to the minute.
    pub at: Timestamp,
    /// From where.
    pub from: IpAddr,
    /// The mechanism; `None`: it was known by its address.
    pub mechanism: Option<String>,
    /// The TLS version, where there was TLS.
    pub tls: Option<String>,
}

/// Something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// When, to the minute.
    pub at: Timestamp,
    /// From where.
    pub from: IpAddr,
    /// The command, or `END-OF-MESSAGE`.
    pub command: String,
    /// Why, with the key to change.
    pub reason: String,
}

/// A handshake failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedHandshake {
    /// When, to the minute.
    pub at: Timestamp,
    /// From where.
    pub from: IpAddr,
    /// At which listener.
    pub listener: String,
    /// The versions that the other side offered, as in `TLS 1.0`.
    pub offered: Vec<String>,
    /// Why.
    pub reason: String,
}

const NAME: &str = "clients.json";

/// Reads it; without a file, nothing has happened.
#[must_use]
pub fn read(spool: &Spool) -> ClientActivity {
    state_file::read(spool, NAME).unwrap_or_default()
}

/// Replaces it.
pub fn write(spool: &Spool, activity: &ClientActivity) -> Result<(), SpoolError> {
    state_file::write(spool, NAME, activity)
}
