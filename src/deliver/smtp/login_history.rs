//! What earlier logins of this process have shown of an account: which mechanism took the place of a rejected one. So
//! a provider that counts failed logins sees one more than it would with a single mechanism, and not one more each
//! time. Kept in memory, with a digest in place of the credential.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};

use super::sasl::Login;
use crate::config::Mechanism;
use crate::mail::outcome::Reply;

/// The other mechanism, after a rejection that may be the mechanism's and not the credential's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Other {
    /// None was needed yet.
    #[default]
    Untried,
    /// It is to be tried next, and has not been answered yet.
    Due(Rejection, Mechanism),
    /// It was accepted, and comes first from now on.
    Accepted(Mechanism),
    /// There was none, or it was rejected too: this credential gets no other.
    Spent,
}

/// A mechanism with which the server did not accept the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// The server's words.
    pub reply: Reply,
}

/// What is known of an account's logins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// With its present credential.
    pub other: Other,
    /// Whether a login was bound to its connection before (SCRAM-...-PLUS), with whatever credential.
    pub was_bound: bool,
    /// Whether the server broke SCRAM before, as one in the middle does: it failed its own proof, wanted too few
    /// iterations, or did not take the binding. It never gets the password itself, with whatever credential.
    pub broke_scram: bool,
}

#[derive(Debug)]
struct Entry {
    credential: Vec<u8>,
    past: Past,
}

/// The logins of all accounts.
#[derive(Debug)]
pub struct LoginHistory {
    salt: [u8; 32],
    accounts: Mutex<HashMap<String, Entry>>,
}

impl Default for LoginHistory {
    fn default() -> Self {
        let mut salt = [0; 32];
        // Without random numbers there is no TLS either. The digest stays in memory, next to the credential itself.
        let _ = SystemRandom::new().fill(&mut salt);
        Self { salt, accounts: Mutex::default() }
    }
}

impl LoginHistory {
    /// What is known of the account with this credential.
    pub(crate) fn past(&self, account: &str, login: &Login) -> Past {
        let credential = self.digest(login);
        match self.accounts().get(account) {
            Some(entry) if entry.credential == credential => entry.past.clone(),
            Some(Entry { past: Past { was_bound, broke_scram, .. }, .. }) => {
                Past { was_bound: *was_bound, broke_scram: *broke_scram, other: Other::default() }
            }
            None => Past::default(),
        }
    }

    /// From now on, this is known of the other mechanism.
    pub(crate) fn note(&self, account: &str, login: &Login, other: Other) {
        self.keep(account, login, Past { other, ..self.past(account, login) });
    }

    /// The server has accepted a login that is bound to its connection.
    pub(crate) fn note_bound(&self, account: &str, login: &Login) {
        self.keep(account, login, Past { was_bound: true, ..self.past(account, login) });
    }

    /// The server has broken SCRAM.
    pub(crate) fn note_broken(&self, account: &str, login: &Login) {
        self.keep(account, login, Past { broke_scram: true, ..self.past(account, login) });
    }

    fn keep(&self, account: &str, login: &Login, past: Past) {
        self.accounts().insert(account.to_owned(), Entry { credential: self.digest(login), past });
    }

    fn digest(&self, login: &Login) -> Vec<u8> {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.salt);
        context.update(login.username.as_deref().unwrap_or_default().as_bytes());
        // No username contains it.
        context.update(b"\0");
        context.update(login.password.as_ref().map_or("", |secret| secret.expose()).as_bytes());
        context.finish().as_ref().to_vec()
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
