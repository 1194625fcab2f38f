//! Sessions with postrider-mailbox that wait for the next message to the same user, shared by all workers. Its process becomes one
//! user for good, and to start and end one costs more than to write a message. A session is kept for users whose mail is being
//! delivered; all end with the last worker, that is with the mail.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use postrider_mailstore::Recipient;

use crate::deliver::smtp::session::Session;
use crate::mail::address::Address;
use crate::runner::session_watchers::CurrentMessage;

/// The socket unit lets in twice as many, and each worker has one more.
const MOST: usize = 16;

/// The program ends a session whose client is silent for a minute.
const FRESH: Duration = Duration::from_secs(30);

/// A session of one user.
pub(super) struct UserSession {
    pub(super) user: String,
    pub(super) session: Session,
    /// Transactions over it so far.
    pub(super) transactions: usize,
    /// What it reports its steps for.
    pub(super) current: CurrentMessage,
}

/// Those that wait, the longest waiting first.
#[derive(Default)]
pub(super) struct MailboxSessions(Mutex<Vec<(Instant, UserSession)>>);

/// Where workers find the sessions of those that work at the same time.
#[derive(Clone, Default)]
pub struct SharedMailboxSessions(Arc<Mutex<Weak<MailboxSessions>>>);

impl std::fmt::Debug for SharedMailboxSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedMailboxSessions")
    }
}

impl SharedMailboxSessions {
    /// They are there for as long as somebody holds them.
    pub(super) fn hold(&self) -> Arc<MailboxSessions> {
        let mut shared = self.0.lock();
        shared.upgrade().unwrap_or_else(|| {
            let sessions = Arc::default();
            *shared = Arc::downgrade(&sessions);
            sessions
        })
    }
}

impl MailboxSessions {
    /// A session of this user.
    pub(super) fn take(&self, user: &str) -> Option<UserSession> {
        let mut waiting = self.0.lock();
        waiting.retain(|(since, _)| since.elapsed() < FRESH);
        let at = waiting.iter().position(|(_, one)| one.user == user)?;
        Some(waiting.remove(at).1)
    }

    /// Keeps a session. If there are too many, the one that waits longest ends, without a word: nothing is under way.
    pub(super) fn keep(&self, session: UserSession) {
        let mut waiting = self.0.lock();
        if waiting.len() >= MOST {
            waiting.remove(0);
        }
        waiting.push((Instant::now(), session));
    }
}

/// Whose session a recipient takes, read as the program reads it. Who that is decides the program alone: where it decides
/// otherwise, it refuses the recipient, who then gets a session of their own.
pub(super) fn user(recipient: &Address) -> String {
    let address = recipient.to_string();
    Recipient::parse(&address).map_or(address, |recipient| recipient.login)
}
