//! How often the owner of a message, who is an ordinary user, may have it attempted: once a minute, however often they
//! ask. Each attempt costs a transaction at the provider, which counts against everybody's account.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::spool::MessageId;

const PACE: SignedDuration = SignedDuration::from_mins(1);

/// When each message was last made due by its owner.
#[derive(Debug, Default)]
pub(super) struct OwnerPace(HashMap<MessageId, Timestamp>);

impl OwnerPace {
    /// Whether the message may be made due now, which then counts.
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
