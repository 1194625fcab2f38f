//! How a message stands once an attempt is settled: what the event loop schedules by, and what a flush reports.
//! Who decides it is `completion::settle`.

use std::time::Duration;

use crate::mail::address::Address;
use crate::mail::submitter::Submitter;
use crate::spool::MessageId;

/// How a message stands after an attempt. Counts are over all attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptResult {
    /// The message.
    pub id: MessageId,
    /// Recipients delivered.
    pub delivered: usize,
    /// Recipients refused.
    pub refused: usize,
    /// Recipients without a final outcome.
    pub waiting: usize,
    /// What was said of one that waits or was refused; empty where all were delivered.
    pub reason: String,
    /// What happens to the message next.
    pub next_step: NextStep,
    /// Reports that were stored on the way and are to be sent.
    pub reports: Vec<MessageId>,
    /// The report that its sender is still owed, beyond the hour's limit.
    pub owes: Option<OwedReport>,
}

impl AttemptResult {
    /// Of a message that has left the queue, of whose recipients nothing is to be said.
    #[must_use]
    pub fn gone(id: MessageId) -> Self {
        Self {
            id,
            delivered: 0,
            refused: 0,
            waiting: 0,
            reason: String::new(),
            next_step: NextStep::Gone,
            reports: Vec::new(),
            owes: None,
        }
    }
}

/// What happens to a message next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// The same attempt goes on with other recipients.
    More,
    /// Another attempt after this wait.
    Retry(Duration),
    /// It is held until released.
    Held,
    /// Every recipient has a final outcome; it stays until a digest has named it.
    AwaitDigest,
    /// It has left the queue.
    Gone,
}

/// A report that goes to its sender in a digest, since there were too many within the hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwedReport {
    /// To whom.
    pub to: Addressee,
    /// How long until the digest.
    pub wait: Duration,
}

/// Who gets a digest. Reports on one user's mail through one account share it, so that it is sent as they were.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addressee {
    /// The sender of what is reported on, or postmaster.
    pub to: Address,
    /// Who submitted the mail.
    pub submitter: Submitter,
    /// The account it went through.
    pub account: Option<String>,
}
