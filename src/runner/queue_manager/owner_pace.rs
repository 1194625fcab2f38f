//! Limits how often the owner of a message, an ordinary user, can have it attempted: once a minute. Each attempt
//! costs a transaction at the provider, which counts against everybody who uses the account.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::spool::MessageId;

const PACE: SignedDuration = SignedDuration::from_mins(1);

/// When each message was last made due by its owner.
#[derive(Debug, Default)]
pub(super) struct OwnerPace(HashMap<MessageId, Timestamp>);

impl OwnerPace {
    /// Whether the message may be made due now. If so, it is counted.
    pub(super) fn take(&mut self, id: &MessageId, now: Timestamp) -> bool {
        self.0.retain(|_, last| now.duration_since(*last) < PACE);
        let is_free = !self.0.contains_key(id);
        if is_free {
            self.0.insert(id.clone(), now);
        }
        is_free
    }
}

#[cfg(test)]
mod tests;
