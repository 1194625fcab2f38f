//! Selects the recipients of a message that share a transaction. A message with many recipients is sent batch by
//! batch, and each batch is recorded before the next. So a crash causes duplicates for one batch at most, no server
//! gets more recipients than it must accept, and other messages get their turn in between.

use crate::config::mailbox::LOCAL_ACCOUNT;
use crate::spool::state::State;

/// The most recipients of a batch: Postfix's default (`default_destination_recipient_limit`). RFC 5321 section
/// 4.5.3.1.8 requires servers to accept 100.
const MOST_TOGETHER: usize = 50;
/// The most consecutive batches of a message before another message gets its turn.
pub(super) const IN_A_ROW: usize = 20;

/// Recipients that share a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientBatch {
    /// Indices in the envelope.
    pub recipients: Vec<usize>,
    /// Indices of those that follow in the same attempt.
    pub rest: Vec<usize>,
    /// Whether these are the first recipients of their attempt.
    pub begins: bool,
}

impl RecipientBatch {
    /// The next recipients of the account's current attempt, or the first of a new one. `recipients` are those that are
    /// pending and belong to the account. Those whose last attempt is oldest come first, so that nobody is always behind the
    /// same recipients.
    #[must_use]
    pub fn next(state: &State, account: &str, mut recipients: Vec<usize>) -> Self {
        // An attempt at the mailboxes of this machine is another one than an attempt at the provider.
        let is_mailboxes = |name: &str| name == LOCAL_ACCOUNT;
        let is_same = state.account.as_deref().is_none_or(|last| is_mailboxes(last) == is_mailboxes(account));
        let current = state.attempt.filter(|_| is_same);
        let is_left = |index: &usize| current.is_some_and(|attempt| state.recipients[*index].attempt < attempt);
        let begins = !recipients.iter().any(is_left);
        if !begins {
            recipients.retain(is_left);
        }
        recipients.sort_by_key(|index| state.recipients[*index].attempt);
        Self { begins, ..Self::of_rest(recipients) }
    }

    /// The next recipients from the rest of an attempt. This avoids examining all recipients for each batch.
    #[must_use]
    pub fn of_rest(mut recipients: Vec<usize>) -> Self {
        let rest = recipients.split_off(recipients.len().min(MOST_TOGETHER));
        Self { recipients, rest, begins: false }
    }

    /// All recipients that the attempt has not reached yet.
    #[must_use]
    pub fn all(&self) -> Vec<usize> {
        [&self.recipients[..], &self.rest].concat()
    }

    /// Whether the attempt is complete after these.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests;
