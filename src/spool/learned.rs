//! learned.json: what servers have shown of accounts and what the next runner must know as well, because background
//! runners come and go with single messages. Only the runner writes it. Losing it costs one refused command, so it is
//! replaced by rename without a sync.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::queue::Spool;
use super::state_file;
use crate::log;

/// What servers have shown of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// The account's relays and user name: with others, nothing of this is known.
    pub of: String,
    /// When the server last refused the null sender, by the queue's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_sender_refused: Option<Timestamp>,
    /// A login was bound to its connection (SCRAM-...-PLUS).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_bound: bool,
    /// The server broke SCRAM, so it never gets the password itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broke_scram: bool,
    /// The login mechanism that took the place of a rejected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondMechanism>,
}

/// What came of a second login mechanism with one credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondMechanism {
    /// Salt and slow digest of the credential, in base64.
    pub credential: String,
    /// The mechanism that was accepted; none: the credential gets no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

const NAME: &str = "learned.json";

type Accounts = BTreeMap<String, Learned>;

/// What is known of all accounts.
#[derive(Debug, Default)]
pub struct LearnedOfAccounts {
    /// None: kept in memory only.
    spool: Option<Spool>,
    /// None before the file is read.
    accounts: Mutex<Option<Accounts>>,
}

impl LearnedOfAccounts {
    /// Goes on from what earlier runners have learned.
    #[must_use]
    pub fn kept_in(spool: Spool) -> Self {
        Self { spool: Some(spool), accounts: Mutex::default() }
    }

    /// What is known of an account with these relays and this user name.
    #[must_use]
    pub fn get(&self, account: &str, of: &str) -> Learned {
        let mut accounts = self.accounts.lock();
        let known = self.read(&mut accounts).get(account).filter(|known| known.of == of);
        known.cloned().unwrap_or_else(|| Learned { of: of.to_owned(), ..Learned::default() })
    }

    /// From now on, this is known of the account.
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
