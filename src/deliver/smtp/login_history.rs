//! What earlier logins have shown of an account: which mechanism took the place of a rejected one, and whether SCRAM
//! was kept to. So a provider that counts failed logins sees one more than it would with a single mechanism, and not one
//! more each time. Kept in memory and, for runners that come and go, in spool/learned.json, with a digest in place of
//! the credential: a fast one that never leaves the process, and a slow one in the file.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, pbkdf2};
use zeroize::Zeroizing;

use super::sasl::Login;
use crate::config::{Account, Mechanism};
use crate::mail::outcome::Reply;
use crate::spool::learned::{Learned, LearnedOfAccounts, SecondMechanism};

/// Rounds of the digest that is stored. It is computed once for a process and credential, and only where a mechanism
/// was rejected.
const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();
/// Octets of its salt.
const SALT: usize = 16;

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
    learned: Arc<LearnedOfAccounts>,
}

impl Default for LoginHistory {
    /// Without what other processes know.
    fn default() -> Self {
        Self::going_on_from(Arc::default())
    }
}

impl LoginHistory {
    /// Goes on from what is known already.
    #[must_use]
    pub fn going_on_from(learned: Arc<LearnedOfAccounts>) -> Self {
        let mut salt = [0; 32];
        // Without random numbers there is no TLS either. The digest stays in memory, next to the credential itself.
        let _ = SystemRandom::new().fill(&mut salt);
        Self { salt, accounts: Mutex::default(), learned }
    }

    /// What is known of the account with this credential.
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
        // The slow digest is not to be computed for each session.
        self.accounts.lock().insert(account.name.clone(), Entry { credential, past: past.clone() });
        past
    }

    /// From now on, this is known of the other mechanism.
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

    /// The server has accepted a login that is bound to its connection.
    pub(crate) fn note_bound(&self, account: &Account, login: &Login) {
        self.keep(account, login, Past { was_bound: true, ..self.past(account, login) });
        self.learn(account, |known| Learned { was_bound: true, ..known });
    }

    /// The server has broken SCRAM.
    pub(crate) fn note_broken(&self, account: &Account, login: &Login) {
        self.keep(account, login, Past { broke_scram: true, ..self.past(account, login) });
        self.learn(account, |known| Learned { broke_scram: true, ..known });
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

/// User name and password; no username contains the NUL between them.
fn joined(login: &Login) -> Zeroizing<Vec<u8>> {
    let (user, password) = (login.username.as_deref().unwrap_or_default(), login.password.as_ref());
    let password = password.map_or("", |secret| secret.expose());
    // Allocated once, so that no copy stays behind in memory.
    let mut joined = Zeroizing::new(Vec::with_capacity(user.len() + 1 + password.len()));
    joined.extend_from_slice(user.as_bytes());
    joined.push(0);
    joined.extend_from_slice(password.as_bytes());
    joined
}

/// Salt and digest for the file, in base64; none without random numbers.
fn slow_digest(login: &Login) -> Option<String> {
    let mut stored = [0; SALT + digest::SHA256_OUTPUT_LEN];
    let (salt, derived) = stored.split_at_mut(SALT);
    SystemRandom::new().fill(salt).ok()?;
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, &joined(login), derived);
    Some(STANDARD.encode(stored))
}

/// Whether it is about this credential.
fn is_of(second: &SecondMechanism, login: &Login) -> bool {
    let Ok(stored) = STANDARD.decode(&second.credential) else { return false };
    let Some((salt, derived)) = stored.split_at_checked(SALT) else { return false };
    pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, &joined(login), derived).is_ok()
}

#[cfg(test)]
mod tests;
