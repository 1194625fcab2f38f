//! The two parts of a message with recipients on this machine and elsewhere, and which of them goes first. Plain data; `mixed`
//! schedules by it.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::config::mailbox::LOCAL_ACCOUNT;
use crate::spool::MessageId;

/// The parts of such a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    /// When the mailboxes of this machine are due.
    pub(super) here: Timestamp,
    /// When the others are due.
    pub(super) away: Timestamp,
    /// The account of the others.
    pub(super) account: String,
}

impl Parts {
    /// The account and the time of the part that can go first. `until` is how long an account backs off. Where both can, the
    /// mailboxes do.
    pub(super) fn first(&self, until: impl Fn(&str) -> Option<Timestamp>) -> (&str, Timestamp) {
        let possible = |account: &str, due: Timestamp| until(account).map_or(due, |until| until.max(due));
        if possible(LOCAL_ACCOUNT, self.here) <= possible(&self.account, self.away) {
            (LOCAL_ACCOUNT, self.here)
        } else {
            (&self.account, self.away)
        }
    }

    /// Sets the time of the part that this account delivers.
    pub(super) fn set(&mut self, account: &str, due: Timestamp) {
        if account == LOCAL_ACCOUNT { self.here = due } else { self.away = due }
    }
}

/// All of them, by message.
pub(super) type Mixed = HashMap<MessageId, Parts>;

#[cfg(test)]
mod tests;
