//! The state of a message, derived from the lines of its journal. `journal` reads and writes the lines.

use jiff::Timestamp;

use super::id::MessageId;
use super::journal_line::Line;
use super::recipient::Recipient;
use crate::mail::outcome::{Outcome, Status};

/// How often an outcome may be unknown before the message is held.
const UNKNOWN_BEFORE_HOLD: u32 = 3;

/// The state after all lines so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Attempts started.
    pub attempts: u32,
    /// The attempt that may still be running. Outcomes outside an attempt are not charged to the message.
    pub attempt: Option<u32>,
    /// Attempts in which a server replied to MAIL, RCPT or the content.
    pub heard: u32,
    /// The last attempt counted in `heard`.
    pub heard_in: Option<u32>,
    /// The account of the last attempt.
    pub account: Option<String>,
    /// Where the account changed: the first attempt with each, in order.
    pub accounts: Vec<(u32, String)>,
    /// Recipients added after admission. Their indices follow those of the envelope.
    pub added: Vec<Recipient>,
    /// All recipients by index: those of the envelope, then `added`.
    pub recipients: Vec<RecipientState>,
    /// Start of the current series of outcomes that hold the message ([`Outcome::is_held`]). Any other outcome ends
    /// the series.
    pub grace_from: Option<Timestamp>,
    /// The next attempt is not before this time.
    pub next: Option<Timestamp>,
    /// Whether the message is held until released.
    pub held: bool,
    /// Ids of the bounces that are stored.
    pub returned: Vec<MessageId>,
    /// Attempts whose refusals are in a stored bounce.
    pub reported: Vec<u32>,
    /// Whether the delay notice is stored.
    pub warned: bool,
    /// Attempts whose report is due in a digest (0: the delay notice).
    pub owed: Vec<u32>,
    /// Attempts whose report is in a stored digest.
    pub digested: Vec<u32>,
    /// Whether the message is finished.
    pub done: bool,
    /// Since when only the account, the relay or a table has been in the way. The next attempt ends this.
    pub blocked_from: Option<Timestamp>,
}

/// The state of one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientState {
    /// Its last outcome.
    pub outcome: Option<Outcome>,
    /// The attempt that produced this outcome (0: none yet).
    pub attempt: u32,
    /// Its `unknown` outcomes since the last release or retry.
    pub unknowns: u32,
    /// Other recipients replaced it: nothing more is sent to it.
    pub replaced: bool,
    /// Whether it was refused already before the message came back from failed/.
    pub refused_before: bool,
    /// Whether such a refusal was reported to the sender.
    pub told_before: bool,
}

impl RecipientState {
    /// Whether it may have got several copies, so that only a person can decide on another one.
    #[must_use]
    pub fn is_unconfirmed(&self) -> bool {
        self.is_pending() && self.unknowns >= UNKNOWN_BEFORE_HOLD
    }

    /// Its last outcome, if it has this status.
    #[must_use]
    pub fn outcome_if(&self, status: Status) -> Option<&Outcome> {
        self.outcome.as_ref().filter(|outcome| outcome.status == status)
    }

    /// Whether it has no final outcome: never tried, deferred or unknown.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        let is_final =
            matches!(&self.outcome, Some(last) if matches!(last.status, Status::Delivered | Status::Refused));
        !is_final && !self.replaced
    }
}

impl State {
    /// Whether, where it is held, nobody asked for that: delivery is unconfirmed, or its submitter may not use the account.
    #[must_use]
    pub fn is_held_by_us(&self) -> bool {
        let mut pending = self.recipients.iter().filter(|recipient| recipient.is_pending());
        pending.any(|its| its.is_unconfirmed() || its.outcome.as_ref().is_some_and(Outcome::is_no_access))
    }

    /// The initial state for this many recipients.
    #[must_use]
    pub fn new(recipients: usize) -> Self {
        Self { recipients: vec![RecipientState::default(); recipients], ..Self::default() }
    }

    /// Applies the next line, written at time `at`. If the line cannot follow the earlier ones, the error says why
    /// and the state is unchanged.
    pub fn apply(&mut self, at: Timestamp, line: &Line) -> Result<(), String> {
        match line {
            Line::Attempt { number, account, relay: _ } => {
                self.attempts = *number;
                if self.account.as_ref() != Some(account) {
                    self.accounts.push((*number, account.clone()));
                }
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
                let attempts = refused.map(|recipient| recipient.attempt);
                self.reported.extend(attempts.filter(|attempt| !self.owed.contains(attempt)));
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
                // A bounce about another attempt, stored just before, counted this one as reported too.
                self.reported.retain(|reported| reported != attempt);
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
            // An outcome that is not charged to the message, such as a rejected login, says nothing about its sender.
            return Ok(());
        }
        if outcome.code.is_some() && self.heard_in != self.attempt {
            self.heard_in = self.attempt;
            self.heard = self.heard.saturating_add(1);
        }
        self.grace_from = if outcome.is_held() { self.grace_from.or(Some(at)) } else { None };
        Ok(())
    }

    /// Starts again. Refusals that were not reported to the sender yet count as never tried. If all were reported, all
    /// count so: the message was kept because it could not be returned with them.
    fn retry(&mut self) {
        let is_reported =
            |its: &RecipientState| self.reported.contains(&its.attempt) || self.digested.contains(&its.attempt);
        let is_refused = |its: &RecipientState| its.outcome_if(Status::Refused).is_some();
        let is_open = |its: &RecipientState| its.is_pending() || (is_refused(its) && !is_reported(its));
        let is_all_reported = !self.recipients.iter().any(is_open);
        let again: Vec<(bool, bool)> = self
            .recipients
            .iter()
            .map(|its| (is_refused(its) && (is_all_reported || !is_reported(its)), is_reported(its)))
            .collect();
        for (recipient, (is_tried_again, was_told)) in self.recipients.iter_mut().zip(again) {
            let is_refused = recipient.outcome.take_if(|_| is_tried_again).is_some();
            recipient.refused_before |= is_refused;
            recipient.told_before |= is_refused && was_told;
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

    /// The last outcome of a recipient, by index.
    #[must_use]
    pub fn outcome(&self, recipient: usize) -> Option<&Outcome> {
        self.recipients.get(recipient)?.outcome.as_ref()
    }

    /// The account of a recipient's last outcome.
    #[must_use]
    pub fn account_of(&self, recipient: &RecipientState) -> Option<&str> {
        let until = self.accounts.partition_point(|(first, _)| *first <= recipient.attempt);
        let known = until.checked_sub(1).and_then(|at| self.accounts.get(at)).map(|(_, account)| account.as_str());
        known.or(self.account.as_deref())
    }

    /// The last outcomes of all recipients that have one.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.recipients.iter().filter_map(|recipient| recipient.outcome.as_ref())
    }

    /// Recipients with their last outcomes, without replaced ones.
    pub fn each<'a>(
        &'a self,
        recipients: &'a [Recipient],
    ) -> impl Iterator<Item = (&'a Recipient, Option<&'a Outcome>)> {
        self.each_state(recipients).map(|(one, state)| (one, state.outcome.as_ref()))
    }

    /// Recipients with their states, without replaced ones.
    pub fn each_state<'a>(
        &'a self,
        recipients: &'a [Recipient],
    ) -> impl Iterator<Item = (&'a Recipient, &'a RecipientState)> {
        recipients.iter().zip(&self.recipients).filter(|(_, state)| !state.replaced)
    }

    /// Indices of the recipients without a final outcome.
    #[must_use]
    pub fn pending(&self) -> Vec<usize> {
        let all = self.recipients.iter().enumerate();
        all.filter(|(_, recipient)| recipient.is_pending()).map(|(index, _)| index).collect()
    }

    /// The attempts whose reports a digest still owes; 0 is the delay notice, which says nothing once no recipient is
    /// pending: the mail has left meanwhile.
    #[must_use]
    pub fn still_owed(&self) -> Vec<u32> {
        let is_pending = !self.pending().is_empty();
        self.owed.iter().copied().filter(|attempt| *attempt > 0 || is_pending).collect()
    }

    /// Whether only a digest is still due.
    #[must_use]
    pub fn waits_for_digest(&self) -> bool {
        !self.done && !self.still_owed().is_empty() && self.pending().is_empty()
    }
}
