//! The state of a message after an attempt is settled: what the event loop schedules by, and what a flush reports.
//! `completion::settle` produces it.

use std::time::Duration;

use crate::mail::address::Address;
use crate::mail::submitter::Submitter;
use crate::spool::MessageId;

/// The state of a message after an attempt. The counts cover all attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptResult {
    /// The message.
    pub id: MessageId,
    /// Recipients that have it.
    pub delivered: usize,
    /// Recipients refused.
    pub refused: usize,
    /// Recipients without a final outcome.
    pub waiting: usize,
    /// The reply or reason for one recipient that waits or was refused; empty if all have it.
    pub reason: String,
    /// What happens to the message next.
    pub next_step: NextStep,
    /// Reports that were stored in the process and must be sent.
    pub reports: Vec<MessageId>,
    /// The report that its sender is still owed, because the hourly limit was reached.
    pub owes: Option<OwedReport>,
}

impl AttemptResult {
    /// The result for a message that left the queue, with nothing to report about its recipients.
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
    /// The same attempt continues with other recipients.
    More,
    /// The next attempt is due after this wait.
    Retry(Duration),
    /// It is held until released.
    Held,
    /// Every recipient has a final outcome, but a digest must still report some.
    AwaitDigest,
    /// It has left the queue.
    Gone,
}

/// A report that will reach its sender in a digest, because there were too many within the hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwedReport {
    /// To whom.
    pub to: Addressee,
    /// How long until the digest.
    pub wait: Duration,
}

/// The recipient of a digest. Reports about mail of one submitter through one account share a digest, because the
/// digest is sent as that submitter through that account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addressee {
    /// The sender of the reported mail, or the postmaster.
    pub to: Address,
    /// The submitter of the reported mail.
    pub submitter: Submitter,
    /// The account that the mail went through.
    pub account: Option<String>,
}
