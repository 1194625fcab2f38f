//! Results of earlier logins of an account: which mechanism replaced a rejected one, and whether the server followed
//! SCRAM.
//!
//! Providers count failed logins and lock accounts. With this history a provider sees one failed login more than with
//! a single mechanism, instead of one more per session.
//!
//! The history is kept in memory and, for later runners, in spool/learned.json. The credential itself is represented
//! by a digest: a fast one that never leaves the process, and a slow one in the file, where an attacker could try
//! passwords against it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, pbkdf2};
use zeroize::Zeroizing;

use super::sasl::Login;
use crate::config::{Account, Mechanism};
use crate::mail::outcome::Reply;
use crate::spool::learned::{Learned, LearnedOfAccounts, SecondMechanism};

/// Rounds of the stored digest. It is computed only after a mechanism was rejected, once per process and credential.
const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();
/// Length of its salt in bytes.
const SALT: usize = 16;

/// The state of the other mechanism, which is tried after a rejection that may be due to the mechanism.
///
/// A credential moves through these states once and in this order. A new password has a new digest and begins at
/// `Untried`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Other {
    /// Not needed so far.
    #[default]
    Untried,
    /// It must be tried next and was not answered yet.
    Due(Rejection, Mechanism),
    /// It was accepted and is used first from now on.
    Accepted(Mechanism),
    /// There was none, or it was rejected as well. No other is tried with this credential.
    Spent,
}

/// A mechanism with which the server rejected the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// The server's reply.
    pub reply: Reply,
}

/// The history of an account's logins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// The other mechanism, for the current credential.
    pub other: Other,
    /// Whether any login was bound to its connection (SCRAM-...-PLUS).
    pub was_bound: bool,
    /// Whether the server ever violated SCRAM, as an attacker in between would: it could not prove that it knows the
    /// password, asked for too few iterations, or rejected the binding. It never gets a plain password, whatever the
    /// credential.
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
    learned: Arc<LearnedOfAccounts>,
}

impl Default for LoginHistory {
    /// Without what other processes learned.
    fn default() -> Self {
        Self::going_on_from(Arc::default())
    }
}

impl LoginHistory {
    /// Continues with what is already known.
    #[must_use]
    pub fn going_on_from(learned: Arc<LearnedOfAccounts>) -> Self {
        let mut salt = [0; 32];
        // Without random numbers there is no TLS either. This digest stays in memory, next to the credential itself.
        let _ = SystemRandom::new().fill(&mut salt);
        Self { salt, accounts: Mutex::default(), learned }
    }

    /// The history of the account with this credential.
    ///
    /// The lock is not held while the stored digest is computed, which is slow on purpose. Two sessions may both
    /// compute it; the result is the same.
    pub(crate) fn past(&self, account: &Account, login: &Login) -> Past {
        let credential = self.digest(login);
        if let Some(entry) = self.accounts.lock().get(&account.name)
            && entry.credential == credential
        {
            return entry.past.clone();
        }
        let Learned { was_bound, broke_scram, second, .. } =
            self.learned.get(&account.name, &account.server_and_user());
        let other = second.filter(|second| is_of(second, login)).map_or(Other::Untried, |second| {
            let named = |name: String| Mechanism::ALL.into_iter().find(|mechanism| mechanism.name() == name);
            second.accepted.and_then(named).map_or(Other::Spent, Other::Accepted)
        });
        let past = Past { other, was_bound, broke_scram };
        // Remembered, because the slow digest must not be computed for each session.
        self.accounts.lock().insert(account.name.clone(), Entry { credential, past: past.clone() });
        past
    }

    /// Sets the state of the other mechanism.
    ///
    /// `Due` is kept in memory only: it is a matter of seconds. After a restart the rejected mechanism is tried once
    /// more at worst.
    pub(crate) fn note(&self, account: &Account, login: &Login, other: Other) {
        let accepted = match &other {
            Other::Accepted(mechanism) => Some(Some(mechanism.name().to_owned())),
            Other::Spent => Some(None),
            Other::Untried | Other::Due(..) => None,
        };
        self.keep(account, login, Past { other, ..self.past(account, login) });
        let credential = accepted.as_ref().and_then(|_| slow_digest(login));
        if let (Some(accepted), Some(credential)) = (accepted, credential) {
            self.learn(account, |known| Learned { second: Some(SecondMechanism { credential, accepted }), ..known });
        }
    }

    /// The server accepted a login that is bound to its connection.
    pub(crate) fn note_bound(&self, account: &Account, login: &Login) {
        self.keep(account, login, Past { was_bound: true, ..self.past(account, login) });
        self.learn(account, |known| Learned { was_bound: true, ..known });
    }

    /// The server violated SCRAM.
    pub(crate) fn note_broken(&self, account: &Account, login: &Login) {
        self.keep(account, login, Past { broke_scram: true, ..self.past(account, login) });
        self.learn(account, |known| Learned { broke_scram: true, ..known });
    }

    /// The server showed a certificate that ends then, in seconds since the epoch.
    pub(crate) fn saw_certificate(&self, account: &Account, end: Option<u64>) {
        let end = end.and_then(|end| Timestamp::from_second(i64::try_from(end).ok()?).ok());
        self.learn(account, |known| Learned { certificate_ends: end, ..known });
    }

    fn keep(&self, account: &Account, login: &Login, past: Past) {
        self.accounts.lock().insert(account.name.clone(), Entry { credential: self.digest(login), past });
    }

    fn learn(&self, account: &Account, change: impl FnOnce(Learned) -> Learned) {
        let known = self.learned.get(&account.name, &account.server_and_user());
        self.learned.set(&account.name, change(known));
    }

    fn digest(&self, login: &Login) -> Vec<u8> {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.salt);
        context.update(&joined(login));
        context.finish().as_ref().to_vec()
    }
}

/// User name and password, separated by NUL, which a user name cannot contain.
fn joined(login: &Login) -> Zeroizing<Vec<u8>> {
    let (user, password) = (login.username.as_deref().unwrap_or_default(), login.password.as_ref());
    let password = password.map_or("", |secret| secret.expose());
    // Allocated at its final size, so that growing leaves no copy of the secret in memory.
    let mut joined = Zeroizing::new(Vec::with_capacity(user.len() + 1 + password.len()));
    joined.extend_from_slice(user.as_bytes());
    joined.push(0);
    joined.extend_from_slice(password.as_bytes());
    joined
}

/// Salt and digest for the file, in base64; `None` without random numbers.
fn slow_digest(login: &Login) -> Option<String> {
    let mut stored = [0; SALT + digest::SHA256_OUTPUT_LEN];
    let (salt, derived) = stored.split_at_mut(SALT);
    SystemRandom::new().fill(salt).ok()?;
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, &joined(login), derived);
    Some(STANDARD.encode(stored))
}

/// Whether the stored digest is that of this credential.
fn is_of(second: &SecondMechanism, login: &Login) -> bool {
    let Ok(stored) = STANDARD.decode(&second.credential) else { return false };
    let Some((salt, derived)) = stored.split_at_checked(SALT) else { return false };
    pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, &joined(login), derived).is_ok()
}

#[cfg(test)]
mod tests;
