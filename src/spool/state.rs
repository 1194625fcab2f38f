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
    /// Per recipient, by index in the envelope; those in `added` follow.
    pub recipients: Vec<RecipientState>,
    /// When a row of outcomes began that hold the message ([`Outcome::is_held`]); any other outcome ends it.
    pub grace_from: Option<Timestamp>,
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

/// What the journal says of one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientState {
    /// Its last outcome.
    pub outcome: Option<Outcome>,
    /// The number of the attempt that brought that outcome (0: none yet).
    pub attempt: u32,
    /// How many of its outcomes were `unknown` since the last release or retry.
    pub unknowns: u32,
    /// Other recipients have taken its place: nothing more is sent to it.
    pub replaced: bool,
}

impl RecipientState {
    /// Its last outcome, if it has this status.
    #[must_use]
    pub fn outcome_if(&self, status: Status) -> Option<&Outcome> {
        self.outcome.as_ref().filter(|outcome| outcome.status == status)
    }

    /// Whether it has no final outcome yet: never tried, deferred or unknown.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        let is_final =
            matches!(&self.outcome, Some(last) if matches!(last.status, Status::Delivered | Status::Refused));
        !is_final && !self.replaced
    }
}

impl State {
    /// Nothing happened yet to this many recipients.
    #[must_use]
    pub fn new(recipients: usize) -> Self {
        Self { recipients: vec![RecipientState::default(); recipients], ..Self::default() }
    }

    pub(super) fn add(&mut self, recipient: Recipient) {
        self.added.push(recipient);
        self.recipients.push(RecipientState::default());
    }

    /// The last outcome of a recipient, by index in the envelope.
    #[must_use]
    pub fn outcome(&self, recipient: usize) -> Option<&Outcome> {
        self.recipients.get(recipient)?.outcome.as_ref()
    }

    /// The last outcomes of all recipients that have one.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.recipients.iter().filter_map(|recipient| recipient.outcome.as_ref())
    }

    /// Recipients with their outcomes, replaced ones left out.
    pub fn each<'a>(
        &'a self,
        recipients: &'a [Recipient],
    ) -> impl Iterator<Item = (&'a Recipient, Option<&'a Outcome>)> {
        let all = recipients.iter().zip(&self.recipients);
        all.filter(|(_, state)| !state.replaced).map(|(one, state)| (one, state.outcome.as_ref()))
    }

    /// Indices of recipients without a final outcome (never tried, deferred or unknown).
    #[must_use]
    pub fn pending(&self) -> Vec<usize> {
        let all = self.recipients.iter().enumerate();
        all.filter(|(_, recipient)| recipient.is_pending()).map(|(index, _)| index).collect()
    }

    /// Whether nothing is left to do but to name it in a digest.
    #[must_use]
    pub fn waits_for_digest(&self) -> bool {
        !self.done && !self.owed.is_empty() && self.pending().is_empty()
    }
}
