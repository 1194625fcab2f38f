//! Decides what follows from the state of a message after an attempt, as a list of steps. Pure, so that every case is
//! a row in a table of tests. `settle` collects the input and carries out the steps.
//!
//! The order of the steps makes a crash harmless. A report is stored before the journal says so: after a crash in
//! between it is stored again under the same id and replaces itself. The other way round, a report could be lost.
//! History is written before `done`, and `done` before the message is unlinked: after a crash the next runner finds
//! either the message with everything it needs, or the record that it is finished.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::due_report::{self, DueReport};
use super::returned_text;
use crate::config::Queue;
use crate::deliver::dsn::Report;
use crate::mail::address::Address;
use crate::mail::outcome::{Enhanced, Outcome, Status};
use crate::rules::retry;
use crate::runner::result::NextStep;
use crate::spool::Envelope;
use crate::spool::journal_line::Line;
use crate::spool::state::{RecipientState, State};

/// A step of settling a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Record that these recipients are refused because the message is too old.
    Expire(Vec<Line>),
    /// Store a report to this address, then record that it is stored.
    Report(DueReport, Address),
    /// Store a bounce to this address with this content: a bounce that was refused for its content, with the header
    /// alone. This is not recorded, because the full text must still be kept.
    ReturnHeader(DueReport, Address, Vec<u8>),
    /// Record that a report is owed beyond the hourly limit. A digest will deliver it.
    Owe(DueReport),
    /// Record that the message is held, with this reason.
    Hold(&'static str),
    /// Record when the next attempt is due.
    Wait(Timestamp),
    /// Notify the submitter, within the hourly limit, that the message is moved to failed/.
    NotifyOfKept(DueReport),
    /// Notify the user to whom the message has come round, within the hourly limit.
    NotifyOfLoop(DueReport),
    /// Write the record in history.
    Record,
    /// Move the message to failed/, with this reason.
    SetAside(String),
    /// Record in the journal that the message is finished.
    Finish,
    /// Remove the message from the queue.
    Remove,
}

/// Whether a report that is due can be sent, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// To this address.
    Send(Address),
    /// To this address, with this content, which omits the text for which the report was refused. The last field says
    /// why the text must be kept.
    SendHeader(Address, Vec<u8>, String),
    /// In a digest, because it is beyond the hourly limit.
    Digest,
    /// To nobody, with the reason.
    Nobody(String),
}

/// A message to settle.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Its envelope, with the recipients that the journal adds.
    pub envelope: &'a Envelope,
    /// Its state.
    pub state: &'a State,
    /// Retry times and limits.
    pub queue: &'a Queue,
    /// Start of the attempt.
    pub now: Timestamp,
    /// Time since the message was stored.
    pub age: Duration,
    /// Uniform in 0..=1, for the jitter of the next attempt.
    pub chance: f64,
}

/// The steps, and what happens to the message after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// In this order.
    pub steps: Vec<Step>,
    /// What happens next.
    pub next_step: NextStep,
}

impl Case<'_> {
    /// Gives up the pending recipients of a message that is too old. Called after an attempt that a server answered:
    /// a message does not expire while only its account or relay is in trouble. Held recipients have their own limit.
    ///
    /// `heard` counts the attempts that a server answered. A machine that was switched off for a week does not return
    /// its mail unsent when it starts again.
    #[must_use]
    pub fn expire(&self) -> Option<Step> {
        if !retry::is_expired(self.age, self.state.heard, self.queue) {
            return None;
        }
        let pending = self.state.pending().into_iter();
        let expired = |recipient| {
            let last = self.state.outcome(recipient).filter(|outcome| !outcome.is_held())?;
            Some(Line::Outcome { recipient, outcome: expired(last) })
        };
        let lines: Vec<Line> = pending.filter_map(expired).collect();
        (!lines.is_empty()).then_some(Step::Expire(lines))
    }

    /// The reports that are due, in the order in which they are stored.
    #[must_use]
    pub fn due_reports(&self) -> Vec<DueReport> {
        let mut due = due_report::failures(self.envelope, self.state);
        due.extend(due_report::success(self.envelope, self.state));
        due.extend(if self.is_unconfirmed() {
            due_report::unconfirmed(self.envelope, self.state)
        } else {
            due_report::delay(self.envelope, self.state, self.queue, self.now, self.age)
        });
        due
    }

    /// Everything that follows from the state. `reports` are the due reports with their dispositions. `digest_to` is
    /// who would get a digest about this message.
    #[must_use]
    pub fn settle(&self, reports: Vec<(DueReport, Disposition)>, digest_to: Option<&Address>) -> Settlement {
        if self.state.done {
            // A crash came between the last line of the journal and the removal.
            return Settlement { steps: vec![Step::Remove], next_step: NextStep::Gone };
        }
        let mut steps = Vec::new();
        let mut unreturnable = None;
        for (due, disposition) in reports {
            match disposition {
                Disposition::Send(to) => steps.push(Step::Report(due, to)),
                Disposition::Digest => steps.push(Step::Owe(due)),
                Disposition::SendHeader(to, content, why) => {
                    steps.push(Step::ReturnHeader(due, to, content));
                    unreturnable = Some(why);
                }
                Disposition::Nobody(why) if due.report == Report::Failed => unreturnable = Some(why),
                // Delay notices and success reports may be dropped.
                Disposition::Nobody(_) => {}
            }
        }
        let is_owed = !self.state.still_owed().is_empty() || steps.iter().any(|step| matches!(step, Step::Owe(_)));
        let next_step = if !self.state.pending().is_empty() {
            self.wait(&mut steps)
        } else if is_owed && digest_to.is_some() {
            NextStep::AwaitDigest
        } else {
            let nobody = || is_owed.then(|| "refused, and there is nobody to notify".to_owned());
            let too_large = || returned_text::why_kept(self.envelope, self.state, self.queue);
            let come_round = || {
                let outcome = self.state.outcome(due_report::has_come_round(self.state)?)?;
                Some(outcome.reply.clone())
            };
            self.leave(&mut steps, unreturnable.or_else(nobody).or_else(come_round).or_else(too_large));
            NextStep::Gone
        };
        Settlement { steps, next_step }
    }

    /// Schedules the next attempt, or holds the message if delivery was unconfirmed too often.
    fn wait(&self, steps: &mut Vec<Step>) -> NextStep {
        if self.is_unconfirmed() {
            let reason = "three times the connection was lost after the data was sent, so delivery is unconfirmed";
            steps.push(Step::Hold(reason));
            return NextStep::Held;
        }
        let pending = self.state.recipients.iter().filter(|recipient| recipient.is_pending());
        let unknown = pending.filter(|recipient| recipient.outcome_if(Status::Unknown).is_some());
        let accounts: Vec<Option<&str>> = unknown.map(|recipient| self.state.account_of(recipient)).collect();
        let account = self.state.account.as_deref();
        let mut wait = retry::message_wait(self.age, self.queue, self.chance);
        if accounts.contains(&account) {
            wait = wait.max(retry::after_unknown(account.unwrap_or_default()));
        }
        if self.owes_notice() {
            wait = wait.min(retry::TOLD_WITHIN);
        }
        let next = self.now.saturating_add(SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX));
        let next = next.unwrap_or(self.now);
        // The journal has one time for both parts of a message. A recipient of the other part that may have its copy keeps its
        // time, also where another runner reads it.
        let of_others = self.state.next.filter(|_| accounts.iter().any(|of| *of != account));
        steps.push(Step::Wait(of_others.map_or(next, |of_others| next.max(of_others))));
        NextStep::Retry(wait)
    }

    /// Whether the message is held for what somebody can change, and its sender does not know it yet: the next attempt tells.
    fn owes_notice(&self) -> bool {
        let mut pending = self.state.recipients.iter().filter(|recipient| recipient.is_pending());
        let is_held = pending.any(|recipient| recipient.outcome.as_ref().is_some_and(Outcome::is_held));
        is_held && self.state.heard > 0 && !self.state.warned
    }

    /// Removes a finished message from the queue. If something failed and cannot be reported to anybody, the message
    /// is kept in failed/.
    fn leave(&self, steps: &mut Vec<Step>, unreturnable: Option<String>) {
        let Some(reason) = unreturnable else {
            return steps.extend([Step::Record, Step::Finish, Step::Remove]);
        };
        steps.extend(due_report::kept_in_failed(self.envelope, self.state).map(Step::NotifyOfKept));
        steps.extend(due_report::come_round(self.envelope, self.state).map(Step::NotifyOfLoop));
        steps.extend([Step::Record, Step::SetAside(reason)]);
    }

    /// For a message that waits for a table or account: moves it to failed/ once the message and the trouble are both
    /// older than `lifetime`. `queue retry` returns it to the queue.
    #[must_use]
    pub fn give_up_waiting(&self, blocked: Option<Duration>) -> Option<Settlement> {
        let lifetime = self.queue.lifetime;
        if self.age < lifetime || blocked.is_none_or(|blocked| blocked < lifetime) {
            return None;
        }
        let (reason, id) = (reason(self.state), &self.envelope.id);
        let reason = format!("{reason}; moved to failed/, `postrider queue retry {id}` returns it to the queue");
        Some(Settlement { steps: vec![Step::SetAside(reason)], next_step: NextStep::Gone })
    }

    /// Whether the connection was lost so often after the data was sent that another duplicate is worse than a delay.
    ///
    /// Each unknown outcome may have been a delivery. After three of them the recipient has perhaps three copies, and
    /// only a person can find out.
    fn is_unconfirmed(&self) -> bool {
        self.state.recipients.iter().any(RecipientState::is_unconfirmed)
    }
}

/// The outcome of a recipient whose time is over. Giving up is our decision, so it has no code: the last reply is in
/// our words, with who said it.
fn expired(last: &Outcome) -> Outcome {
    let last_reply = match last.code {
        Some(code) => format!("{} said: {code} {}", last.relay, last.reply),
        None => last.reply.clone(),
    };
    Outcome {
        status: Status::Refused,
        code: None,
        enhanced: Enhanced { class: 4, subject: 4, detail: 7 },
        reply: format!("delivery time expired; last reply: {last_reply}"),
        ..last.clone()
    }
}

/// The lines for outcomes outside an attempt, without those that the journal already has. An equal outcome from an
/// attempt does not count: it did not say that nothing else is in the message's way.
#[must_use]
pub fn uncharged(state: &State, outcomes: &[(usize, Outcome)]) -> Vec<Line> {
    let is_known = |index: usize, outcome: &Outcome| state.outcome(index) == Some(outcome);
    let new = outcomes.iter().filter(|(index, outcome)| state.blocked_from.is_none() || !is_known(*index, outcome));
    lines_for(new).collect()
}

/// The lines that record these outcomes.
pub fn lines_for<'a>(outcomes: impl IntoIterator<Item = &'a (usize, Outcome)>) -> impl Iterator<Item = Line> {
    outcomes.into_iter().map(|(recipient, outcome)| Line::Outcome { recipient: *recipient, outcome: outcome.clone() })
}

/// The reply or reason for one undelivered recipient; empty if there is none.
#[must_use]
pub fn reason(state: &State) -> String {
    let undelivered = state.outcomes().find(|outcome| outcome.status != Status::Delivered);
    undelivered.map(Outcome::said).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
