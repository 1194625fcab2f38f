//! The reports that a message owes its sender now: a bounce per attempt that refused recipients, one delay notice,
//! and a success report if NOTIFY requests it. Pure; `settle` decides whether a report can be sent, and `dsn` stores
//! it.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::Queue;
use crate::deliver::dsn::Report;
use crate::mail::outcome::{DsnSender, Outcome, Status};
use crate::spool::journal_line::Line;
use crate::spool::state::{RecipientState, State};
use crate::spool::{Envelope, Kind, MessageId, is_expanded};

/// A report that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueReport {
    /// The kind of report.
    pub report: Report,
    /// The attempt that it is about, or 0.
    pub attempt: u32,
    /// Its id. It is derived from message and attempt, so that a report stored again after a crash replaces itself.
    pub id: MessageId,
    /// The recipients that it is about, as indices in the envelope.
    pub recipients: Vec<usize>,
}

impl DueReport {
    /// The journal line for the fact that it is stored.
    #[must_use]
    pub fn line(&self) -> Line {
        match self.report {
            Report::Delayed | Report::Unconfirmed => Line::Warned(self.id.clone()),
            Report::Failed | Report::Kept | Report::Looped | Report::Relayed | Report::Verified => {
                Line::Returned(self.id.clone())
            }
        }
    }
}

/// Bounces: one per attempt that refused recipients, unless it is stored or waits for a digest.
///
/// One per attempt and not per message: a recipient that is refused on the third day must not wait for the others, and
/// the sender must not get the first day's refusals again.
#[must_use]
pub fn failures(envelope: &Envelope, state: &State) -> Vec<DueReport> {
    let due = attempts_that_refused(state).into_iter().map(|attempt| DueReport {
        report: Report::Failed,
        attempt,
        id: report_id(&envelope.id, attempt, Report::Failed),
        recipients: refused_in(envelope, state, attempt),
    });
    let is_reported = |due: &DueReport| {
        state.returned.contains(&due.id) || state.owed.contains(&due.attempt) || state.digested.contains(&due.attempt)
    };
    due.filter(|due| !due.recipients.is_empty() && !is_reported(due)).collect()
}

/// The success report, if requested (NOTIFY=SUCCESS), about the recipients whose relay sends none itself. It is due
/// once no recipient is pending.
///
/// RFC 3461 section 5.2: a relay that offers DSN has taken over the duty to report, and a second report from us would
/// be wrong. `dsn_sender` says which it is.
#[must_use]
pub fn success(envelope: &Envelope, state: &State) -> Option<DueReport> {
    let all = state.recipients.iter().enumerate();
    let is_owed = |(index, outcome): (usize, &Outcome)| owes_success(envelope, index, outcome).then_some(index);
    let delivered = all.filter_map(|(index, one)| Some((index, one.outcome.as_ref()?)));
    let recipients: Vec<usize> = delivered.filter_map(is_owed).collect();
    let id = report_id(&envelope.id, 0, Report::Relayed);
    let is_due = !recipients.is_empty() && !state.returned.contains(&id) && state.pending().is_empty();
    is_due.then_some(DueReport { report: Report::Relayed, attempt: 0, id, recipients })
}

/// The delay notice.
#[must_use]
pub fn delay(envelope: &Envelope, state: &State, queue: &Queue, now: Timestamp, age: Duration) -> Option<DueReport> {
    if !is_delay_due(state, queue, now, age) {
        return None;
    }
    let mut recipients = delayed(envelope, state);
    recipients.retain(|recipient| state.outcome(*recipient).is_some());
    let id = report_id(&envelope.id, 0, Report::Delayed);
    (!recipients.is_empty()).then_some(DueReport { report: Report::Delayed, attempt: 0, id, recipients })
}

/// The notice that the message is held because its delivery is unconfirmed, each time that it is.
#[must_use]
pub fn unconfirmed(envelope: &Envelope, state: &State) -> Option<DueReport> {
    let mut recipients = delayed(envelope, state);
    recipients.retain(|recipient| state.recipients.get(*recipient).is_some_and(RecipientState::is_unconfirmed));
    let id = report_id(&envelope.id, state.attempts, Report::Unconfirmed);
    (!recipients.is_empty()).then_some(DueReport { report: Report::Unconfirmed, attempt: 0, id, recipients })
}

/// The reports that a runner may have stored before it ended, without their line in the journal.
///
/// More than what is due at this moment: whether a delay notice was due when the last runner ended is no longer known.
#[must_use]
pub fn perhaps_stored(envelope: &Envelope, state: &State) -> Vec<DueReport> {
    let delay = (!state.warned && state.attempts > 0).then(|| DueReport {
        report: Report::Delayed,
        attempt: 0,
        id: report_id(&envelope.id, 0, Report::Delayed),
        recipients: Vec::new(),
    });
    failures(envelope, state).into_iter().chain(success(envelope, state)).chain(delay).collect()
}

/// The notice about refused mail that is kept in failed/ because its sender cannot be notified. Whoever tries it again
/// from there sees the result, and had the notice.
#[must_use]
pub fn kept_in_failed(envelope: &Envelope, state: &State) -> Option<DueReport> {
    let recipients = refused(envelope, state);
    let id = report_id(&envelope.id, state.attempts, Report::Kept);
    let is_new = recipients.iter().any(|recipient| !state.recipients[*recipient].refused_before);
    let is_due = is_new && envelope.kind == Kind::Mail && envelope.sender.mailbox().is_some();
    is_due.then_some(DueReport { report: Report::Kept, attempt: state.attempts, id, recipients })
}

/// Whether the delay notice is due. If the sender can do something about the delay, the notice does not wait for
/// `warn_after`: it is due with the second attempt, some minutes after the first, when a momentary mistake is already
/// over.
fn is_delay_due(state: &State, queue: &Queue, now: Timestamp, age: Duration) -> bool {
    let was_held_before = state.grace_from.is_some_and(|from| from < now);
    let is_held = || {
        let mut pending = state.recipients.iter().filter(|recipient| recipient.is_pending());
        pending.any(|recipient| recipient.outcome.as_ref().is_some_and(Outcome::is_held))
    };
    // The notice leaves through another account.
    let is_without_account = || state.outcomes().any(Outcome::is_without_account);
    let is_late = || age >= queue.warn_after && (state.heard > 0 || is_held() || is_without_account());
    !state.warned && (is_late() || (state.heard > 0 && was_held_before && is_held()))
}

/// The pending recipients whose sender wants delay notices.
#[must_use]
pub fn delayed(envelope: &Envelope, state: &State) -> Vec<usize> {
    state.pending().into_iter().filter(|recipient| wants(envelope, *recipient, "delay")).collect()
}

/// The notice to a user of this machine that a message has come round. Its sender, who is often forged and can do nothing about
/// it, gets no bounce.
#[must_use]
pub fn come_round(envelope: &Envelope, state: &State) -> Option<DueReport> {
    let is_new = |index: &usize| !state.recipients.get(*index).is_some_and(|its| its.refused_before);
    let recipient = has_come_round(state).filter(is_new)?;
    let id = report_id(&envelope.id, state.attempts, Report::Looped);
    Some(DueReport { report: Report::Looped, attempt: state.attempts, id, recipients: vec![recipient] })
}

/// The first recipient to whom the message has come round.
#[must_use]
pub fn has_come_round(state: &State) -> Option<usize> {
    state.recipients.iter().position(|its| its.outcome.as_ref().is_some_and(Outcome::is_come_round))
}

/// The recipients that this attempt refused and whose sender wants failure reports.
#[must_use]
pub fn refused_in(envelope: &Envelope, state: &State, attempt: u32) -> Vec<usize> {
    let all = state.recipients.iter().enumerate();
    let is_refused = |outcome: &Outcome| outcome.status == Status::Refused && !outcome.is_come_round();
    let refused = all.filter(|(_, one)| one.attempt == attempt && one.outcome.as_ref().is_some_and(is_refused));
    refused.map(|(index, _)| index).filter(|index| wants(envelope, *index, "failure")).collect()
}

/// The refused recipients of all attempts whose sender wants failure reports.
#[must_use]
pub fn refused(envelope: &Envelope, state: &State) -> Vec<usize> {
    let attempts = attempts_that_refused(state).into_iter();
    attempts.flat_map(|attempt| refused_in(envelope, state, attempt)).collect()
}

/// Whether the sender requested a success report for this recipient and the relay does not send it.
#[must_use]
pub fn owes_success(envelope: &Envelope, recipient: usize, outcome: &Outcome) -> bool {
    outcome.status == Status::Delivered
        && asks_for(envelope, recipient, "success")
        && (outcome.dsn_sender == DsnSender::Us || is_expanded(&envelope.recipients, recipient))
}

fn attempts_that_refused(state: &State) -> Vec<u32> {
    let refused = state.recipients.iter().filter(|recipient| recipient.outcome_if(Status::Refused).is_some());
    let mut attempts: Vec<u32> = refused.map(|recipient| recipient.attempt).collect();
    attempts.sort_unstable();
    attempts.dedup();
    attempts
}

/// Without NOTIFY (RFC 3461), failures and delays are reported.
fn wants(envelope: &Envelope, recipient: usize, what: &str) -> bool {
    let is_default = envelope.recipients.get(recipient).is_none_or(|recipient| recipient.notify.is_none());
    is_default || asks_for(envelope, recipient, what)
}

fn asks_for(envelope: &Envelope, recipient: usize, what: &str) -> bool {
    let notify = envelope.recipients.get(recipient).and_then(|recipient| recipient.notify.as_deref());
    notify.is_some_and(|list| list.split(',').any(|word| word.trim().eq_ignore_ascii_case(what)))
}

/// The time in the id is the original's plus a microsecond per attempt, so that reports about different attempts have
/// different ids. The random part is the original's, changed by the kind of report.
///
/// Time and random part both come from the original, so no state is needed to find the id again after a crash. The
/// marks keep the kinds of report about one attempt apart; `Kept` takes the place of `Failed` and shares its mark.
fn report_id(original: &MessageId, attempt: u32, report: Report) -> MessageId {
    let (time, random) = original.parts();
    let mark = match report {
        Report::Failed | Report::Kept => 0x555,
        Report::Looped => 0xA55,
        Report::Delayed => 0xAAA,
        Report::Unconfirmed => 0xA5A,
        Report::Relayed | Report::Verified => 0x5AA,
    };
    MessageId::new(time.wrapping_add(attempt.into()), random ^ mark)
}
