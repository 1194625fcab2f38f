//! Whose turn it is within one account: senders take turns, so that a single mail does
//! not wait behind somebody's mailing. A plain data structure.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::spool::MessageId;

/// Who a message comes from, as far as fairness goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Origin(u64);

impl Origin {
    /// The submitter and the envelope sender; two that meet in one number share their turns.
    #[must_use]
    pub fn of(uid: u32, sender: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (uid, sender.to_ascii_lowercase()).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// Messages in line, by origin.
#[derive(Debug, Default)]
pub struct Turns {
    next: VecDeque<Origin>,
    lines: HashMap<Origin, VecDeque<MessageId>>,
}

impl Turns {
    /// Behind the others of its origin.
    pub fn push(&mut self, origin: Origin, id: MessageId) {
        let line = self.lines.entry(origin).or_default();
        if line.is_empty() {
            self.next.push_back(origin);
        }
        line.push_back(id);
    }

    /// The first of the origin whose turn it is, which goes behind the other origins.
    pub fn pop(&mut self) -> Option<MessageId> {
        let origin = self.next.pop_front()?;
        let line = self.lines.get_mut(&origin)?;
        let id = line.pop_front();
        if line.is_empty() {
            self.lines.remove(&origin);
        } else {
            self.next.push_back(origin);
        }
        id
    }
}
