//! accounts.json: which accounts cannot deliver, since when and why. `mailq` shows it, and the next runner continues
//! with it. |
//!
//! Only the runner writes the file. Losing it costs one early probe of each account, so it is replaced by rename
//! without a sync.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::queue::Spool;
use super::state_file;
use crate::config::relay::{Lookup, Relay};
use crate::config::{Account, Config};
use crate::spool::SpoolError;

/// Why an account cannot deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trouble {
    /// The relay cannot be used at the moment.
    Relay,
    /// The server rejects the login.
    Login,
    /// Anything else that the owner must change, such as a missing table.
    Setup,
}

impl Trouble {
    /// Whether only the account's owner can end it. Relay trouble ends on its own.
    #[must_use]
    pub fn is_owners(self) -> bool {
        matches!(self, Self::Login | Self::Setup)
    }
}

/// One account's outage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// What kind of trouble it is.
    pub trouble: Trouble,
    /// When the outage began.
    pub since: Timestamp,
    /// When it was last observed.
    pub seen: Timestamp,
    /// When the account is probed next.
    pub next: Timestamp,
    /// When the provider lets the account send again, if its reply names a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<Timestamp>,
    /// Consecutive failures.
    pub failures: u32,
    /// The relay of the last failure, as `host[ip]:port`, or `none`.
    pub relay: String,
    /// The server's reply, or our own description of the failure.
    pub reason: String,
    /// What to do about it, in the words that `reason` has for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// The channels through which this outage has been announced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<AlertChannel>,
}

/// A way to announce an outage. Each is used once per outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertChannel {
    /// The log.
    Log,
    /// The `on_stuck` command.
    Command,
    /// Mail to the postmaster.
    Mail,
}

/// All accounts with an outage, by account name.
pub type Health = BTreeMap<String, Outage>;

const NAME: &str = "accounts.json";

/// Reads the file. If it is missing or unreadable, no account has an outage.
#[must_use]
pub fn read(spool: &Spool) -> Health {
    state_file::read(spool, NAME).unwrap_or_default()
}

/// The outages of accounts as they are configured now: what was said of another relay is not said of the next one.
#[must_use]
pub fn current(spool: &Spool, config: Option<&Config>) -> Health {
    let mut health = read(spool);
    if let Some(config) = config {
        health.retain(|name, outage| config.account(name).is_some_and(|account| is_of(account, outage)));
    }
    health
}

/// Whether an outage is about one of the account's relays. Where a name was looked up, only the server's is known.
fn is_of(account: &Account, outage: &Outage) -> bool {
    let Some((host, _)) = outage.relay.split_once('[') else { return true };
    let is_it = |relay: &Relay| {
        let is_port = outage.relay.ends_with(&format!(":{}", relay.port));
        relay.lookup != Lookup::Address || (is_port && host.eq_ignore_ascii_case(&relay.host))
    };
    account.lmtp.is_some() || account.relays.iter().any(is_it)
}

/// Replaces it.
pub fn write(spool: &Spool, health: &Health) -> Result<(), SpoolError> {
    state_file::write(spool, NAME, health)
}
