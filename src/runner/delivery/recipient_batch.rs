//! Which recipients of a message share a transaction. An attempt at a message with many recipients goes batch by
//! batch, and each is recorded before the next: a crash costs one batch a second copy, no server gets more recipients
//! at once than it must accept, and other messages get their turn in between.

use crate::spool::state::State;

/// Postfix's default (`default_destination_recipient_limit`); RFC 5321 section 4.5.3.1.8 requires servers to accept 100.
const MOST_TOGETHER: usize = 50;
/// Batches of one message that are attempted before another message gets its turn.
pub(super) const IN_A_ROW: usize = 20;

/// Recipients that share a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientBatch {
    /// Indices in the envelope.
    pub recipients: Vec<usize>,
    /// Indices of those that the attempt is to reach after them.
    pub rest: Vec<usize>,
    /// Whether these are the first of their attempt.
    pub begins: bool,
}

impl RecipientBatch {
    /// The next recipients of the attempt in progress, or the first of another one. Those that earlier attempts reached
    /// least recently come first, so that nobody waits behind the same recipients every time.
    #[must_use]
    pub fn next(state: &State) -> Self {
        let mut recipients = state.pending();
        let is_left = |index: &usize| state.attempt.is_some_and(|attempt| state.recipients[*index].attempt < attempt);
        let begins = !recipients.iter().any(is_left);
        if !begins {
            recipients.retain(is_left);
        }
        recipients.sort_by_key(|index| state.recipients[*index].attempt);
        Self { begins, ..Self::of_rest(recipients) }
    }

    /// The next of those that an attempt in progress is still to reach, so that not all are looked at for each batch.
    #[must_use]
    pub fn of_rest(mut recipients: Vec<usize>) -> Self {
        let rest = recipients.split_off(recipients.len().min(MOST_TOGETHER));
        Self { recipients, rest, begins: false }
    }

    /// All that the attempt has not reached yet.
    #[must_use]
    pub fn all(&self) -> Vec<usize> {
        [&self.recipients[..], &self.rest].concat()
    }

    /// Whether the attempt is over after these.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests;
