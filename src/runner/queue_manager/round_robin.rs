//! Fairness within an account: senders take turns, so that a single message does not wait for another sender's
//! mailing of thousands. A plain data structure.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::mail::submitter::Submitter;
use crate::spool::MessageId;

/// Identifies the sender of a message for this purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Origin(u64);

impl Origin {
    /// From the submitter and the envelope sender. Two senders with the same hash share their turns, which only makes
    /// them wait longer.
    #[must_use]
    pub fn of(submitter: &Submitter, sender: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (submitter, sender.to_ascii_lowercase()).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// A queue of messages per sender, and the order of the senders.
///
/// Invariant: a sender is in `next` exactly once if its queue in `queues` has a message, and in neither otherwise. A
/// sender listed twice would get two turns per round; one missing from `next` would never get a turn, and its mail
/// would wait until the runner restarts. Both operations take constant time, also with a hundred thousand messages of
/// one sender.
#[derive(Debug, Default)]
pub struct RoundRobin {
    next: VecDeque<Origin>,
    queues: HashMap<Origin, VecDeque<MessageId>>,
}

impl RoundRobin {
    /// Appends a message to its sender's queue.
    ///
    /// A sender with messages already has its place in the order and keeps it.
    pub fn push(&mut self, origin: Origin, id: MessageId) {
        let queue = self.queues.entry(origin).or_default();
        if queue.is_empty() {
            self.next.push_back(origin);
        }
        queue.push_back(id);
    }

    /// Removes the next message of the sender whose turn it is, and passes the turn on.
    pub fn pop(&mut self) -> Option<MessageId> {
        let origin = self.next.pop_front()?;
        let queue = self.queues.get_mut(&origin)?;
        let id = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&origin);
        } else {
            self.next.push_back(origin);
        }
        id
    }
}
