//! Settles a message after an attempt: records the outcomes, collects what the decision needs (`settlement` decides),
//! and carries out the steps in the order that postrider-formats(5) promises ("Journal").
//!
//! Except for `Finish`, each step is complete on disk before the next one begins, and the settlement can be repeated
//! from any of them. `conclude` derives everything from the journal: what a step has recorded is no longer due the
//! next time, and what it has done without recording is done again under the same id. So an error needs no cleaning
//! up. It is returned, the message is scheduled again, and the next attempt continues where this one stopped.

use std::sync::Arc;

use super::due_report::DueReport;
use super::settlement::{self, Case, Disposition, Settlement, Step};
use super::{addressee, dsn};
use crate::deliver::dsn::Report;
use crate::deliver::history_record;
use crate::log;
use crate::mail::outcome::{Outcome, Status};
use crate::runner::durability::DurabilityGate;
use crate::runner::finished::FinishedMessages;
use crate::runner::message::{Attempt, OpenMessage};
use crate::runner::report_limit::ReportLimit;
use crate::runner::result::{AttemptResult, NextStep};
use crate::spool::history;
use crate::spool::journal_line::Line;
use crate::spool::{MessageId, SpoolError};
use crate::sys::random::chance;

/// Settles attempts. Shared by all threads that do so.
#[derive(Debug)]
pub struct Settler {
    gate: Arc<DurabilityGate>,
    report_limit: Arc<ReportLimit>,
    finished: Arc<FinishedMessages>,
}

/// Whether a record of the message may already be in history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recorded {
    /// No: the message is being finished now.
    No,
    /// Perhaps: it may have been finished before a crash.
    Perhaps,
}

impl Settler {
    /// With what it asks before it writes.
    #[must_use]
    pub fn new(gate: Arc<DurabilityGate>, report_limit: Arc<ReportLimit>, finished: Arc<FinishedMessages>) -> Self {
        Self { gate, report_limit, finished }
    }

    /// Records an attempt that counts, and everything that follows from it.
    ///
    /// A message that has further batches is only recorded. Reports and the next attempt wait for the end of the
    /// attempt, so that one bounce names all recipients that it refused.
    pub fn settle(&self, mut message: OpenMessage<'_>, attempt: Attempt) -> Result<AttemptResult, SpoolError> {
        let (ends, is_answered) = (attempt.ends, attempt.outcomes.iter().any(|(_, outcome)| outcome.code.is_some()));
        self.record_attempt(&mut message, attempt)?;
        if !ends {
            let id = message.stored.envelope.id.clone();
            return Ok(AttemptResult { next_step: NextStep::More, ..AttemptResult::gone(id) });
        }
        if is_answered && let Some(expire) = case(&message).expire() {
            self.carry_out(&mut message, vec![expire], Recorded::No)?;
        }
        self.conclude(message, Recorded::No)
    }

    /// Records the outcomes for some of an attempt's recipients.
    ///
    /// Through the gate and not directly: these are the only lines that nobody could write a second time, because only
    /// the server and this process know them.
    pub fn record_attempt(&self, message: &mut OpenMessage<'_>, attempt: Attempt) -> Result<(), SpoolError> {
        let begin = attempt.begins.then(|| Line::Attempt {
            number: message.journal.state().attempts + 1,
            account: attempt.account,
            relay: attempt.relay,
        });
        let lines: Vec<Line> = begin.into_iter().chain(settlement::lines_for(&attempt.outcomes)).collect();
        let appended = self.gate.append(&mut message.journal, message.now, &lines);
        // Also if the append failed. It fails in the end only when the runner stops, or for a journal that is damaged;
        // the outcomes are lost then, and no other transaction should wait for them.
        drop(attempt.unsynced);
        appended
    }

    /// Like [`note`], if the message itself must wait because a table or an account is missing.
    pub fn note_and_wait(
        &self,
        mut message: OpenMessage<'_>,
        outcomes: &[(usize, Outcome)],
    ) -> Result<AttemptResult, SpoolError> {
        note(&mut message, outcomes)?;
        let blocked = message.journal.state().blocked_from.map(|since| message.loaded.clock.age(since));
        let Some(Settlement { steps, .. }) = case(&message).give_up_waiting(blocked) else {
            return self.conclude(message, Recorded::No);
        };
        let reason = steps.iter().find_map(|step| if let Step::SetAside(reason) = step { Some(reason) } else { None });
        let (reason, waiting) = (reason.cloned().unwrap_or_default(), message.journal.state().pending().len());
        self.carry_out(&mut message, steps, Recorded::No)?;
        Ok(AttemptResult { waiting, reason, ..AttemptResult::gone(message.stored.envelope.id.clone()) })
    }

    /// Continues to settle a message after a crash.
    pub fn resume(&self, message: OpenMessage<'_>) -> Result<AttemptResult, SpoolError> {
        self.conclude(message, Recorded::Perhaps)
    }

    fn conclude(&self, mut message: OpenMessage<'_>, recorded: Recorded) -> Result<AttemptResult, SpoolError> {
        let case = case(&message);
        let (id, state, is_done) = (case.envelope.id.clone(), case.state, case.state.done);
        let due = if is_done { Vec::new() } else { case.due_reports() };
        let is_report_open = !due.is_empty() || !state.owed.is_empty();
        let digest_to = is_report_open.then(|| addressee::of_report(message.loaded, case.envelope, Report::Failed));
        // Asking counts against the hourly limit, so every due report is asked for exactly once per settlement.
        let reports: Vec<(DueReport, Disposition)> =
            due.into_iter().map(|due| (due.clone(), dsn::disposition(&message, &self.report_limit, &due))).collect();
        let Settlement { steps, next_step } = case.settle(reports, digest_to.flatten().as_ref());
        let reports = self.carry_out(&mut message, steps, recorded)?;
        if is_done {
            return Ok(AttemptResult::gone(id));
        }
        let state = message.journal.state();
        let count = |status| state.outcomes().filter(|outcome| outcome.status == status).count();
        let owes = || dsn::owes(message.loaded, &self.report_limit, &message.stored.envelope, state);
        Ok(AttemptResult {
            id,
            delivered: count(Status::Delivered),
            refused: count(Status::Refused),
            waiting: state.pending().len(),
            reason: settlement::reason(state),
            owes: if next_step == NextStep::Gone { None } else { owes() },
            next_step,
            reports,
        })
    }

    /// Carries out the steps in order. After an error, the next attempt or the next runner does the rest. Returns the
    /// reports that were stored.
    fn carry_out(
        &self,
        message: &mut OpenMessage<'_>,
        steps: Vec<Step>,
        recorded: Recorded,
    ) -> Result<Vec<MessageId>, SpoolError> {
        let mut reports = Vec::new();
        for step in steps {
            reports.extend(self.carry_out_one(message, step, recorded)?);
        }
        Ok(reports)
    }

    fn carry_out_one(
        &self,
        message: &mut OpenMessage<'_>,
        step: Step,
        recorded: Recorded,
    ) -> Result<Option<MessageId>, SpoolError> {
        let (envelope, spool) = (&message.stored.envelope, &message.loaded.spool);
        let id = &envelope.id;
        match step {
            Step::Expire(lines) => {
                message.journal.append(message.now, &lines)?;
                log::expired(id, &envelope.sender);
            }
            Step::Report(due, to) => {
                dsn::store(message, &due, &to)?;
                message.journal.append(message.now, &[due.line()])?;
                match due.report {
                    Report::Delayed | Report::Unconfirmed => log::warned(id, &due.id),
                    Report::Relayed => log::success_reported(id, &due.id),
                    Report::Failed | Report::Kept | Report::Looped | Report::Verified => log::returned(id, &due.id),
                }
                return Ok(Some(due.id));
            }
            Step::ReturnHeader(due, to, content) => {
                dsn::put(message, &due, &to, &content)?;
                log::returned(id, &due.id);
                return Ok(Some(due.id));
            }
            Step::Owe(due) => {
                message.journal.append(message.now, &[Line::Owed(due.attempt)])?;
                log::owed(id);
            }
            Step::Hold(reason) => {
                log::held(id, Some(reason));
                message.journal.append(message.now, &[Line::Hold])?;
            }
            Step::Wait(next) => message.journal.append(message.now, &[Line::Next(next)])?,
            Step::NotifyOfLoop(due) => return dsn::notify_of_loop(message, &self.report_limit, due),
            Step::NotifyOfKept(due) => return dsn::notify_of_kept(message, &self.report_limit, due),
            Step::Record => {
                // A crash may have come between the record and `done`. A second line in history would show the message
                // twice.
                if recorded == Recorded::No || !self.finished.has_record(id)? {
                    let record = history_record::of_stored(message.stored, message.journal.state(), message.now);
                    history::append(spool, &[record])?;
                }
            }
            Step::SetAside(reason) => {
                spool.set_aside(id, &reason)?;
                log::set_aside(id, &reason);
            }
            // Without a sync: the record in history is synced, and a runner that finds neither this line nor the
            // message finds the record.
            Step::Finish => message.journal.hint(message.now, &Line::Done)?,
            Step::Remove => {
                spool.remove(id)?;
                log::removed(id);
            }
        }
        Ok(None)
    }
}

fn case<'m>(message: &'m OpenMessage<'_>) -> Case<'m> {
    let envelope = &message.stored.envelope;
    Case {
        envelope,
        state: message.journal.state(),
        queue: &message.loaded.config.queue,
        now: message.now,
        age: message.loaded.clock.age(envelope.arrived),
        chance: chance(),
    }
}

/// Records why a message waits, without charging an attempt: relay or account trouble. The same reason is recorded
/// only once.
pub fn note(message: &mut OpenMessage<'_>, outcomes: &[(usize, Outcome)]) -> Result<(), SpoolError> {
    let lines = settlement::uncharged(message.journal.state(), outcomes);
    if lines.is_empty() { Ok(()) } else { message.journal.append(message.now, &lines) }
}
