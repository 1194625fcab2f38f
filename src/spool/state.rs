//! How a message stands: what the lines of its journal come to. Reading and writing
//! them is the journal's.

use jiff::Timestamp;

use super::id::MessageId;
use super::recipient::Recipient;
use crate::mail::outcome::{Outcome, Status};

/// What the journal says so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Attempts begun.
    pub attempts: u32,
    /// The one that is not known to be over; outcomes without one are not charged to the message.
    pub attempt: Option<u32>,
    /// Attempts that brought at least one outcome line with a reply to MAIL, RCPT or content.
    pub heard: u32,
    /// The account of the last attempt.
    pub account: Option<String>,
    /// Recipients behind those of the envelope, from which indices go on.
    pub added: Vec<Recipient>,
    /// Per recipient: whether others are in its place.
    pub replaced: Vec<bool>,
    /// The last outcome per recipient (index in the envelope).
    pub outcomes: Vec<Option<Outcome>>,
    /// Per recipient: the number of the attempt that brought its last outcome (0: none yet).
    pub attempt_of: Vec<u32>,
    /// When a row of outcomes began that hold the message ([`Outcome::is_held`]); any other outcome ends it.
    pub grace_from: Option<Timestamp>,
    /// Per recipient: how often `unknown`.
    pub unknowns: Vec<u32>,
    /// Not before.
    pub next: Option<Timestamp>,
    /// Held.
    pub held: bool,
    /// Bounces stored.
    pub returned: Vec<MessageId>,
    /// Attempts whose refusals a stored bounce reports.
    pub reported: Vec<u32>,
    /// Whether the delay notice was stored.
    pub warned: bool,
    /// Attempts whose report is to go into a digest (0: the delay notice).
    pub owed: Vec<u32>,
    /// Attempts whose report is in a digest that is stored.
    pub digested: Vec<u32>,
    /// Finished.
    pub done: bool,
    /// Since when only account, relay or tables stood in its way; a real attempt ends it.
    pub blocked_from: Option<Timestamp>,
}

impl State {
    /// Nothing happened yet to this many recipients.
    #[must_use]
    pub fn new(recipients: usize) -> Self {
        Self {
            replaced: vec![false; recipients],
            outcomes: vec![None; recipients],
            attempt_of: vec![0; recipients],
            unknowns: vec![0; recipients],
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, recipient: Recipient) {
        self.added.push(recipient);
        self.replaced.push(false);
        self.outcomes.push(None);
        self.attempt_of.push(0);
        self.unknowns.push(0);
    }

    /// Recipients with their outcomes, replaced ones left out.
    pub fn each<'a>(
        &'a self,
        recipients: &'a [Recipient],
    ) -> impl Iterator<Item = (&'a Recipient, Option<&'a Outcome>)> {
        let outcomes = self.outcomes.iter().map(Option::as_ref);
        let all = recipients.iter().zip(outcomes).zip(&self.replaced);
        all.filter(|(_, replaced)| !**replaced).map(|(one, _)| one)
    }

    /// Indices of recipients without a final outcome (never tried, deferred or unknown).
    #[must_use]
    pub fn pending(&self) -> Vec<usize> {
        let is_open = |outcome: &Option<Outcome>| match outcome.as_ref().map(|outcome| outcome.status) {
            None | Some(Status::Deferred | Status::Unknown) => true,
            Some(Status::Delivered | Status::Refused) => false,
        };
        let all = self.outcomes.iter().zip(&self.replaced).enumerate();
        all.filter(|(_, (outcome, replaced))| is_open(outcome) && !**replaced).map(|(index, _)| index).collect()
    }

    /// Whether nothing is left to do but to name it in a digest.
    #[must_use]
    pub fn waits_for_digest(&self) -> bool {
        !self.done && !self.owed.is_empty() && self.pending().is_empty()
    }
}
