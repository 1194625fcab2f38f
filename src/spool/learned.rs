//! learned.json: facts about accounts that servers revealed and that the next runner needs as well, since a
//! background runner often ends after a single message.
//!
//! Only the runner writes the file. Losing it costs one refused command per account, so it is replaced by rename
//! without a sync.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::queue::Spool;
use super::state_file;
use crate::log;

/// What servers revealed about one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// The account's relays and user name. If these change, nothing else here applies.
    pub of: String,
    /// When the server last refused the null sender, in queue time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_sender_refused: Option<Timestamp>,
    /// A login was bound to its TLS connection (SCRAM-...-PLUS, RFC 5802). From then on an unbound offer is a
    /// downgrade.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_bound: bool,
    /// The server failed to prove that it knows the password in SCRAM, so it never gets the password itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broke_scram: bool,
    /// The login mechanism that was tried in place of a rejected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondMechanism>,
    /// The account that takes its place while its own relays cannot be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Through>,
    /// When it last took another account's place and could not log in, in queue time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Timestamp>,
    /// When the certificate ends that the server showed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_ends: Option<Timestamp>,
}

/// An account in the place of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Through {
    /// Its name.
    pub account: String,
    /// Since when.
    pub since: Timestamp,
}

/// The result of a second login mechanism with one credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondMechanism {
    /// Salt and slow digest of the credential, in base64.
    pub credential: String,
    /// The mechanism that was accepted. Without one, no other mechanism is tried with this credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

const NAME: &str = "learned.json";

type Accounts = BTreeMap<String, Learned>;

/// What the file says of each account.
#[must_use]
pub fn read(spool: &Spool) -> BTreeMap<String, Learned> {
    state_file::read(spool, NAME).unwrap_or_default()
}

/// The facts about all accounts.
#[derive(Debug, Default)]
pub struct LearnedOfAccounts {
    /// Without a spool, they are kept in memory only.
    spool: Option<Spool>,
    /// `None` until the file is read.
    accounts: Mutex<Option<Accounts>>,
}

impl LearnedOfAccounts {
    /// Continues with what earlier runners learned.
    #[must_use]
    pub fn kept_in(spool: Spool) -> Self {
        Self { spool: Some(spool), accounts: Mutex::default() }
    }

    /// The facts about an account, if they were learned with these relays and this user name.
    #[must_use]
    pub fn get(&self, account: &str, of: &str) -> Learned {
        let mut accounts = self.accounts.lock();
        let known = self.read(&mut accounts).get(account).filter(|known| known.of == of);
        known.cloned().unwrap_or_else(|| Learned { of: of.to_owned(), ..Learned::default() })
    }

    /// Replaces the facts about an account.
    pub fn set(&self, account: &str, learned: Learned) {
        let mut accounts = self.accounts.lock();
        let known = self.read(&mut accounts);
        if known.get(account) == Some(&learned) {
            return;
        }
        known.insert(account.to_owned(), learned);
        if let Some(spool) = &self.spool
            && let Err(error) = state_file::write(spool, NAME, known)
        {
            log::warning(error);
        }
    }

    fn read<'g>(&self, accounts: &'g mut Option<Accounts>) -> &'g mut Accounts {
        let kept = || self.spool.as_ref().and_then(|spool| state_file::read(spool, NAME)).unwrap_or_default();
        accounts.get_or_insert_with(kept)
    }
}
