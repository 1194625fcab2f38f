//! Finishes many messages at once: those that were delivered to every recipient by their first attempt. Anything else
//! (a retry, a report) goes through the message's journal, one message at a time (`settle`).
//!
//! For such a message only the record in history is written: one write and one sync for all messages that finished in
//! the meantime. The record says what the journal would say, and a runner that finds a message in queue/ with such a
//! record knows that it is finished (`runner::finished`). So the order is: sync history, then unlink the message.
//! Unlinking is not synced, because a power cut that brings the file back leaves the record as well. Unlinking first
//! could lose a message's history; sending again would give every recipient a duplicate.
//!
//! Outcomes that wait here are known but not on disk. [`TOGETHER`] and [`LONGEST`] keep them far below the limit of
//! the durability gate.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::due_report;
use super::settle::Settler;
use crate::control::loaded::Loaded;
use crate::deliver::history_record;
use crate::log;
use crate::mail::outcome::Status;
use crate::runner::event::{RecordedAttempt, ReportFn, WorkerEvent};
use crate::runner::finished::FinishedMessages;
use crate::runner::message::{AnsweredAttempt, OpenMessage};
use crate::runner::result::AttemptResult;
use crate::runner::thread_pool::ThreadPool;
use crate::spool::history::{self, Record};
use crate::spool::state::State;
use crate::spool::{Spool, Stored};

/// An answered attempt with everything that is needed to record it on another thread.
pub struct CompletedAttempt {
    /// Configuration and clock as of the start of the attempt.
    pub loaded: Arc<Loaded>,
    /// Receives the result.
    pub report: ReportFn,
    /// The message.
    pub stored: Stored,
    /// The relay's answers.
    pub answered: AnsweredAttempt,
}

impl CompletedAttempt {
    /// Whether only the record in history has to be written.
    ///
    /// Each condition is something that the record could not say: earlier attempts are only in a journal, later
    /// batches are still to be sent, a refused or deferred recipient needs a bounce or another attempt, and a success
    /// report must be stored before the message leaves.
    fn is_delivered_at_once(&self) -> bool {
        let (envelope, state) = (&self.stored.envelope, self.state());
        let mut outcomes = self.answered.attempt.outcomes.iter();
        self.answered.journal.is_blank()
            && self.answered.attempt.ends
            && state.recipients.iter().all(|recipient| recipient.outcome_if(Status::Delivered).is_some())
            && !outcomes.any(|(index, outcome)| due_report::owes_success(envelope, *index, outcome))
    }

    /// The state that its journal would have.
    fn state(&self) -> State {
        let attempt = &self.answered.attempt;
        let mut state = State::new(self.stored.envelope.recipients.len());
        state.account = Some(attempt.account.clone());
        for (index, outcome) in &attempt.outcomes {
            if let Some(recipient) = state.recipients.get_mut(*index) {
                recipient.outcome = Some(outcome.clone());
            }
        }
        state
    }

    /// Settles the attempt through its journal and reports the result.
    fn settle(self, settler: &Settler) {
        let Self { loaded, report, stored, answered } = self;
        let AnsweredAttempt { journal, now, attempt, excerpt: _ } = answered;
        let (account, id) = (attempt.account.clone(), stored.envelope.id.clone());
        let message = OpenMessage { loaded: &loaded, stored: &stored, journal, now };
        let result = settler.settle(message, attempt);
        send(&report, RecordedAttempt { account, id, result });
    }

    fn record(&self) -> Record {
        let AnsweredAttempt { now, excerpt, .. } = &self.answered;
        history_record::record(&self.stored.envelope, &self.state(), *now, excerpt.clone())
    }

    /// Removes the message, whose record is on disk, and reports the result.
    fn finish(self, record: &Record, finisher: &BatchFinisher) {
        let Self { report, stored, answered, loaded: _ } = self;
        let (account, id) = (answered.attempt.account, stored.envelope.id.clone());
        // The record is synced, so the outcomes no longer count as only known to this process. The gate opens before
        // the file is unlinked.
        drop(answered.attempt.unsynced);
        let removed = finisher.spool.remove_unsynced(&id);
        match &removed {
            Ok(()) => log::removed(&id),
            // The file is still there and would be loaded at the next scan. The record must be known by then.
            Err(_) => finisher.finished.add(record),
        }
        let delivered = stored.envelope.recipients.len();
        let result = removed.map(|()| AttemptResult { delivered, ..AttemptResult::gone(id.clone()) });
        send(&report, RecordedAttempt { account, id, result });
    }
}

fn send(report: &ReportFn, recorded: RecordedAttempt) {
    // Fails once the runner has ended. The next runner reads journal and history.
    let _ = report(WorkerEvent::Recorded(recorded));
}

/// The number of outcomes that are written at once: a quarter of what may be unsynced.
const TOGETHER: usize = 16;
/// How long the first outcome waits for others.
const LONGEST: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Pending {
    attempts: Vec<CompletedAttempt>,
    outcomes: usize,
    /// Whether a thread is working, which will also take attempts added now.
    ///
    /// At most one thread serves the batch. `submit` starts it and `work` ends it under the same lock, so an attempt
    /// is never added after the thread has looked for the last time.
    is_served: bool,
}

/// Records attempts on other threads, so that a session need not wait for the disk.
pub struct BatchFinisher {
    spool: Spool,
    pool: Arc<ThreadPool>,
    settler: Arc<Settler>,
    finished: Arc<FinishedMessages>,
    pending: Mutex<Pending>,
    enough: Condvar,
}

impl std::fmt::Debug for BatchFinisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchFinisher").finish_non_exhaustive()
    }
}

impl BatchFinisher {
    /// Without any attempts yet.
    #[must_use]
    pub fn new(spool: Spool, pool: Arc<ThreadPool>, settler: Arc<Settler>, finished: Arc<FinishedMessages>) -> Self {
        Self { spool, pool, settler, finished, pending: Mutex::default(), enough: Condvar::new() }
    }

    /// Records the attempt soon: together with others if only history has to be written, else through its journal.
    pub fn submit(self: &Arc<Self>, completed: CompletedAttempt) {
        let own = Arc::clone(self);
        if !completed.is_delivered_at_once() {
            return self.pool.submit(move || completed.settle(&own.settler));
        }
        let mut pending = self.pending.lock();
        pending.outcomes += completed.answered.attempt.outcomes.len();
        pending.attempts.push(completed);
        if pending.is_served {
            if pending.outcomes >= TOGETHER {
                self.enough.notify_one();
            }
            return;
        }
        pending.is_served = true;
        drop(pending);
        self.pool.submit(move || own.work());
    }

    /// While this thread syncs, the attempts of other sessions gather, and the next round takes them together. The
    /// batch therefore grows with the load by itself; the wait only helps if the disk is faster than the sessions.
    fn work(&self) {
        loop {
            let is_few = |pending: &mut Pending| (1..TOGETHER).contains(&pending.outcomes);
            let mut pending = self.pending.lock();
            self.enough.wait_while_for(&mut pending, is_few, LONGEST);
            let batch = std::mem::take(&mut pending.attempts);
            (pending.outcomes, pending.is_served) = (0, !batch.is_empty());
            drop(pending);
            if batch.is_empty() {
                return;
            }
            self.finish_batch(batch);
        }
    }

    /// If the append failed, the records of the batch may or may not be on disk. Each attempt is then settled through
    /// its own journal, with a record of its own. A second record of the same message says the same.
    fn finish_batch(&self, batch: Vec<CompletedAttempt>) {
        let records: Vec<Record> = batch.iter().map(CompletedAttempt::record).collect();
        let recorded = history::append(&self.spool, &records);
        for (completed, record) in batch.into_iter().zip(&records) {
            match &recorded {
                Ok(()) => completed.finish(record, self),
                // The journal has a reserve on the disk and is written again until the disk accepts it.
                Err(_) => completed.settle(&self.settler),
            }
        }
    }
}
