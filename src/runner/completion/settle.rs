//! After an attempt: outcomes into the journal, reports to the sender, and either the
//! next time or the message's leaving, in the order that postrider-formats(5) promises ("Journal"), so that a
//! crash at any point costs nothing but a repetition.

use std::sync::Arc;
use std::time::Duration;

use super::dsn;
use crate::deliver::history_record;
use crate::log;
use crate::mail::outcome::{Enhanced, Outcome, Status};
use crate::rules::retry;
use crate::runner::durability::DurabilityGate;
use crate::runner::finished::FinishedMessages;
use crate::runner::message::{Attempt, OpenMessage};
use crate::runner::report_limit::ReportLimit;
use crate::runner::result::{AttemptResult, NextStep};
use crate::spool::history;
use crate::spool::journal_line::Line;
use crate::spool::state::State;
use crate::spool::{MessageId, SpoolError};
use crate::sys::random::chance;

/// Settles attempts; shared by all threads that do.
#[derive(Debug)]
pub struct Settler {
    gate: Arc<DurabilityGate>,
    report_limit: Arc<ReportLimit>,
    finished: Arc<FinishedMessages>,
}

impl Settler {
    /// With what it asks before it writes.
    #[must_use]
    pub fn new(gate: Arc<DurabilityGate>, report_limit: Arc<ReportLimit>, finished: Arc<FinishedMessages>) -> Self {
        Self { gate, report_limit, finished }
    }

    /// Records an attempt that counts, and draws its consequences.
    pub fn settle(&self, mut message: OpenMessage<'_>, attempt: Attempt) -> Result<AttemptResult, SpoolError> {
        let (ends, is_heard) = (attempt.ends, attempt.outcomes.iter().any(|(_, outcome)| outcome.code.is_some()));
        self.record_attempt(&mut message, attempt)?;
        if !ends {
            return Ok(AttemptResult {
                next_step: NextStep::More,
                ..AttemptResult::gone(message.stored.envelope.id.clone())
            });
        }
        if is_heard {
            expire(&mut message)?;
        }
        self.conclude(message)
    }

    /// Records what became of some of an attempt's recipients.
    pub fn record_attempt(&self, message: &mut OpenMessage<'_>, attempt: Attempt) -> Result<(), SpoolError> {
        let begin = attempt.begins.then(|| Line::Attempt {
            number: message.journal.state().attempts + 1,
            account: attempt.account,
            relay: attempt.relay,
        });
        let lines: Vec<Line> = begin.into_iter().chain(lines_for(&attempt.outcomes)).collect();
        let appended = self.gate.append(&mut message.journal, message.now, &lines);
        drop(attempt.unsynced);
        appended
    }

    /// Like [`note`], where the message itself must wait: a table or account is missing.
    pub fn note_and_wait(
        &self,
        mut message: OpenMessage<'_>,
        outcomes: &[(usize, Outcome)],
    ) -> Result<AttemptResult, SpoolError> {
        note(&mut message, outcomes)?;
        let lifetime = message.loaded.config.queue.lifetime;
        let blocked = message.journal.state().blocked_from.map(|since| message.loaded.clock.age(since));
        if age(&message) >= lifetime && blocked.is_some_and(|blocked| blocked >= lifetime) {
            return park(&message);
        }
        self.conclude(message)
    }

    /// Draws the consequences of what the journal says.
    fn conclude(&self, message: OpenMessage<'_>) -> Result<AttemptResult, SpoolError> {
        self.apply_settlement(message, Recorded::No)
    }

    /// The same where a crash may have interrupted that.
    pub fn resume(&self, message: OpenMessage<'_>) -> Result<AttemptResult, SpoolError> {
        self.apply_settlement(message, Recorded::Perhaps)
    }

    fn apply_settlement(&self, mut message: OpenMessage<'_>, recorded: Recorded) -> Result<AttemptResult, SpoolError> {
        if message.journal.state().done {
            // A crash came between the last line and the leaving.
            message.loaded.spool.remove(&message.stored.envelope.id)?;
            log::removed(&message.stored.envelope.id);
            return Ok(AttemptResult::gone(message.stored.envelope.id.clone()));
        }
        let mut reports = Vec::new();
        let unreturnable = dsn::return_refused(&mut message, &self.report_limit, &mut reports)?;
        if message.journal.state().pending().is_empty() {
            dsn::tell_success(&mut message, &mut reports)?;
        }
        let state = message.journal.state();
        let count = |status| state.outcomes().filter(|o| o.status == status).count();
        let pending = state.pending();
        let mut result = AttemptResult {
            id: message.stored.envelope.id.clone(),
            delivered: count(Status::Delivered),
            refused: count(Status::Refused),
            waiting: pending.len(),
            reason: telling_reason(state),
            next_step: NextStep::Gone,
            reports,
            owes: None,
        };
        let owes = |message: &OpenMessage<'_>| {
            dsn::owes(message.loaded, &self.report_limit, &message.stored.envelope, message.journal.state())
        };
        if !pending.is_empty() {
            result.next_step = self.wait(&mut message, &pending, &mut result.reports)?;
            result.owes = owes(&message);
        } else if let Some(owed) = owes(&message) {
            (result.next_step, result.owes) = (NextStep::AwaitDigest, Some(owed));
        } else {
            let nobody = || "refused, and there is nobody to notify".to_owned();
            let unreturnable = unreturnable.or_else(|| (!message.journal.state().owed.is_empty()).then(nobody));
            if unreturnable.is_some() {
                result.reports.extend(dsn::tell_of_kept(&message, &self.report_limit)?);
            }
            self.leave(&mut message, unreturnable, recorded)?;
        }
        Ok(result)
    }

    /// The next time, a hold, or a delay notice for what is still to be tried.
    fn wait(
        &self,
        message: &mut OpenMessage<'_>,
        pending: &[usize],
        reports: &mut Vec<MessageId>,
    ) -> Result<NextStep, SpoolError> {
        let state = message.journal.state();
        if pending.iter().any(|i| state.recipients[*i].unknowns >= retry::UNKNOWN_BEFORE_HOLD) {
            let reason = "three times the connection was lost after the data was sent, so delivery is unconfirmed";
            log::held(&message.stored.envelope.id, Some(reason));
            message.journal.append(message.now, &[Line::Hold])?;
            return Ok(NextStep::Held);
        }
        let unknown = pending.iter().any(|i| state.recipients[*i].outcome_if(Status::Unknown).is_some());
        let queue = &message.loaded.config.queue;
        let mut wait = retry::message_wait(age(message), queue, chance());
        if unknown {
            wait = wait.max(retry::AFTER_UNKNOWN);
        }
        let next = message
            .now
            .saturating_add(jiff::SignedDuration::try_from(wait).unwrap_or(jiff::SignedDuration::MAX))
            .unwrap_or(message.now);
        if dsn::is_warning_due(message, age(message)) {
            reports.extend(dsn::warn_of_delay(message, &self.report_limit, pending)?);
        }
        message.journal.append(message.now, &[Line::Next(next)])?;
        Ok(NextStep::Retry(wait))
    }

    /// Takes a finished message out: history, `done`, unlink; or sets it aside where its
    /// failure could not be returned to anybody. Once history has it on disk, it has left: `done` need not be synced,
    /// since a runner that finds neither looks there.
    fn leave(
        &self,
        message: &mut OpenMessage<'_>,
        unreturnable: Option<String>,
        recorded: Recorded,
    ) -> Result<(), SpoolError> {
        let spool = &message.loaded.spool;
        let id = &message.stored.envelope.id;
        if recorded == Recorded::No || !self.finished.has_record(id)? {
            history::append(spool, &[history_record::of_stored(message.stored, message.journal.state(), message.now)])?;
        }
        if let Some(reason) = unreturnable {
            spool.set_aside(id, &reason)?;
            log::set_aside(id, &reason);
            return Ok(());
        }
        message.journal.hint(message.now, &Line::Done)?;
        spool.remove(id)?;
        log::removed(id);
        Ok(())
    }
}

/// Notes why a message waits without charging it an attempt: relay or account trouble.
/// The same reason is noted once.
pub fn note(message: &mut OpenMessage<'_>, outcomes: &[(usize, Outcome)]) -> Result<(), SpoolError> {
    let state = message.journal.state();
    let known = |(i, outcome): &&(usize, Outcome)| state.outcome(*i) == Some(outcome);
    // What an attempt has recorded in the same words did not say that it is all that the message waits for.
    let news = outcomes.iter().filter(|noted| state.blocked_from.is_none() || !known(noted));
    let lines: Vec<Line> = lines_for(news).collect();
    if lines.is_empty() { Ok(()) } else { message.journal.append(message.now, &lines) }
}

fn lines_for<'a>(outcomes: impl IntoIterator<Item = &'a (usize, Outcome)>) -> impl Iterator<Item = Line> {
    outcomes.into_iter().map(|(recipient, outcome)| Line::Outcome { recipient: *recipient, outcome: outcome.clone() })
}

/// Takes out of the queue what its owner did not mend in all its lifetime; `queue retry` brings it back.
fn park(message: &OpenMessage<'_>) -> Result<AttemptResult, SpoolError> {
    let id = &message.stored.envelope.id;
    let state = message.journal.state();
    let reason = telling_reason(state);
    let result = AttemptResult {
        id: id.clone(),
        delivered: 0,
        refused: 0,
        waiting: state.pending().len(),
        reason: format!("{reason}; moved to failed/, `postrider queue retry {id}` returns it to the queue"),
        next_step: NextStep::Gone,
        reports: Vec::new(),
        owes: None,
    };
    message.loaded.spool.set_aside(id, &result.reason)?;
    log::set_aside(id, &result.reason);
    Ok(result)
}

/// Whether a message's record may be in history already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recorded {
    /// It ends here and now.
    No,
    /// It may have ended before a crash.
    Perhaps,
}

fn telling_reason(state: &State) -> String {
    let worst = state.outcomes().filter(|o| o.status != Status::Delivered);
    worst.map(Outcome::said).next().unwrap_or_default()
}

/// Gives up what is too old, at the end of an answered attempt.
fn expire(message: &mut OpenMessage<'_>) -> Result<(), SpoolError> {
    let state = message.journal.state();
    // What holds a message has a time of its own.
    if !retry::is_expired(age(message), state.heard, &message.loaded.config.queue) {
        return Ok(());
    }
    let lines: Vec<Line> = state
        .pending()
        .into_iter()
        .filter_map(|recipient| {
            let last = state.outcome(recipient).filter(|outcome| !outcome.is_held())?;
            let outcome = Outcome {
                status: Status::Refused,
                enhanced: Enhanced { class: 4, subject: 4, detail: 7 },
                reply: format!("delivery time expired; last reply: {}", last.reply),
                ..last.clone()
            };
            Some(Line::Outcome { recipient, outcome })
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    message.journal.append(message.now, &lines)?;
    log::expired(&message.stored.envelope.id, &message.stored.envelope.sender);
    Ok(())
}

fn age(message: &OpenMessage<'_>) -> Duration {
    message.loaded.clock.age(message.stored.envelope.arrived)
}
