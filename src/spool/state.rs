//! The state of a message: what the lines of its journal add up to. `journal` reads and
//! writes the lines.

use jiff::Timestamp;

use super::id::MessageId;
use super::journal_line::Line;
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
    /// The last attempt that is counted in `heard`.
    pub heard_in: Option<u32>,
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

    /// Applies the next line of the journal, which was written at this time. An error says why the line cannot follow
    /// those before it; the state is unchanged then.
    pub fn apply(&mut self, at: Timestamp, line: &Line) -> Result<(), String> {
        match line {
            Line::Attempt { number, account, relay: _ } => {
                self.attempts = *number;
                self.account = Some(account.clone());
                self.attempt = Some(*number);
                self.blocked_from = None;
            }
            Line::Outcome { recipient, outcome } => self.note_outcome(at, *recipient, outcome)?,
            Line::Next(at) => {
                self.next = Some(*at);
                self.attempt = None;
            }
            Line::Hold => self.held = true,
            Line::Release => {
                self.held = false;
                self.recipients.iter_mut().for_each(|recipient| recipient.unknowns = 0);
            }
            Line::Retry => self.retry(),
            Line::Returned(id) => {
                self.returned.push(id.clone());
                let refused = self.recipients.iter().filter(|one| one.outcome_if(Status::Refused).is_some());
                self.reported.extend(refused.map(|recipient| recipient.attempt));
                self.reported.dedup();
            }
            Line::Added(recipient) => self.add(recipient.clone()),
            Line::Replaced(recipient) => {
                let Some(its) = self.recipients.get_mut(*recipient) else {
                    return Err(format!("it replaces recipient {recipient}, who is not in the envelope"));
                };
                (its.replaced, its.outcome) = (true, None);
            }
            Line::Warned(_) => self.warned = true,
            Line::Owed(attempt) => {
                self.owed.push(*attempt);
                self.warned |= *attempt == 0;
            }
            Line::Digest(id) => {
                self.digested.append(&mut self.owed);
                self.returned.push(id.clone());
            }
            Line::Done => self.done = true,
        }
        Ok(())
    }

    fn note_outcome(&mut self, at: Timestamp, recipient: usize, outcome: &Outcome) -> Result<(), String> {
        let Some(its) = self.recipients.get_mut(recipient) else {
            return Err(format!("it has an outcome for recipient {recipient}, who is not in the envelope"));
        };
        if outcome.status == Status::Unknown {
            its.unknowns = its.unknowns.saturating_add(1);
        }
        its.attempt = self.attempts;
        its.outcome = Some(outcome.clone());
        if self.attempt.is_none() {
            self.blocked_from = self.blocked_from.or(Some(at));
            // What is not charged to the message (a rejected login, say) says nothing about its sender.
            return Ok(());
        }
        if outcome.code.is_some() && self.heard_in != self.attempt {
            self.heard_in = self.attempt;
            self.heard = self.heard.saturating_add(1);
        }
        self.grace_from = if outcome.is_held() { self.grace_from.or(Some(at)) } else { None };
        Ok(())
    }

    /// Begins again: refusals that no report has returned to the sender count as never tried.
    fn retry(&mut self) {
        for recipient in &mut self.recipients {
            let attempt = &recipient.attempt;
            let is_reported = self.reported.contains(attempt) || self.digested.contains(attempt);
            recipient.outcome.take_if(|outcome| outcome.status == Status::Refused && !is_reported);
            recipient.unknowns = 0;
        }
        (self.heard, self.next, self.held) = (0, None, false);
        (self.grace_from, self.blocked_from) = (None, None);
        self.owed.retain(|attempt| *attempt == 0);
        self.attempt = None;
    }

    fn add(&mut self, recipient: Recipient) {
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
