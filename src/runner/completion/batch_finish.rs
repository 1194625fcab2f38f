//! Messages that their first attempt brought to every recipient leave together. The record in history is all that is
//! written of them, one write and one sync for as many as have finished meanwhile: it says the same as a journal
//! would, and a runner that finds a message of which it says so knows that this has left (`recorded`). So the file's
//! removal need not be on disk. Whatever else a message has behind it leaves alone, by its journal (`settle`).

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::dsn;
use super::settle::{self, Attempt, OpenMessage, Settled, Then};
use crate::deliver::history_record;
use crate::log;
use crate::mail::outcome::{Outcome, Status};
use crate::runner::context::Settings;
use crate::runner::event::{Late, ReportFn, WorkerEvent};
use crate::spool::history::{self, Record};
use crate::spool::journal::{Journal, State};
use crate::spool::{Envelope, Stored};

/// An attempt that a relay has answered, with all that is needed to write it down.
pub struct CompletedAttempt {
    /// Config, spool.
    pub settings: Arc<Settings>,
    /// Told how the message stands then.
    pub ear: ReportFn,
    /// The message.
    pub stored: Stored,
    /// Its Message-ID field's value.
    pub message_id: String,
    /// Its journal.
    pub journal: Journal,
    /// When.
    pub now: Timestamp,
    /// What was answered.
    pub attempt: Attempt,
}

impl CompletedAttempt {
    /// Whether nothing but the record needs to be written.
    #[must_use]
    pub fn leaves_at_once(&self) -> bool {
        let (envelope, state) = (&self.stored.envelope, self.state());
        let is_delivered = |outcome: &Option<Outcome>| outcome.as_ref().is_some_and(|o| o.status == Status::Delivered);
        self.journal.is_blank()
            && self.attempt.ends
            && state.outcomes.iter().all(is_delivered)
            && !self.attempt.outcomes.iter().any(|(index, outcome)| dsn::owes_success(envelope, *index, outcome))
    }

    /// What its journal would say.
    fn state(&self) -> State {
        let mut state = State::new(self.stored.envelope.recipients.len());
        state.account = Some(self.attempt.account.clone());
        for (index, outcome) in &self.attempt.outcomes {
            if let Some(last) = state.outcomes.get_mut(*index) {
                *last = Some(outcome.clone());
            }
        }
        state
    }

    /// Writes it down and draws its consequences.
    pub fn settle(self) {
        let Self { settings, ear, stored, message_id: _, journal, now, attempt } = self;
        let (account, id) = (attempt.account.clone(), stored.envelope.id.clone());
        let desk = OpenMessage { settings: &settings, stored: &stored, journal, now };
        let settled = settle::settle(desk, attempt);
        tell(&ear, Late { account, id, settled });
    }

    fn record(&self) -> Record {
        history_record::record(&self.stored.envelope, &self.state(), self.now, self.message_id.clone())
    }

    /// Its record is on disk.
    fn leave(self, record: &Record) {
        let Self { settings, ear, stored, attempt, .. } = self;
        let (account, id) = (attempt.account.clone(), stored.envelope.id.clone());
        drop(attempt.ahead);
        let left = settings.spool.let_go(&id);
        match &left {
            Ok(()) => log::removed(&id),
            Err(_) => settings.recorded.add(record),
        }
        let settled = left.map(|()| delivered(&stored.envelope));
        tell(&ear, Late { account, id, settled });
    }
}

fn delivered(envelope: &Envelope) -> Settled {
    Settled {
        id: envelope.id.clone(),
        delivered: envelope.recipients.len(),
        refused: 0,
        waiting: 0,
        reason: String::new(),
        then: Then::Gone,
        reports: Vec::new(),
        owes: None,
    }
}

fn tell(ear: &ReportFn, late: Late) {
    // Without a listener the runner is gone; the next one reads journal and history.
    let _ = ear(WorkerEvent::Settled(late));
}

/// So many outcomes, or this long, are held back for one write: a quarter of what may be ahead of the disk (`safe`).
const TOGETHER: usize = 16;
const LONGEST: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Line {
    waiting: Vec<CompletedAttempt>,
    outcomes: usize,
    is_at_work: bool,
}

/// Those that are to leave.
#[derive(Default)]
pub struct Departures {
    line: Mutex<Line>,
    enough: Condvar,
}

impl std::fmt::Debug for Departures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Departures").finish_non_exhaustive()
    }
}

impl Departures {
    /// Has it leave with those that finish at about the same time.
    pub fn give(self: &Arc<Self>, answered: CompletedAttempt) {
        let settlers = Arc::clone(&answered.settings.settlers);
        let mut line = self.line();
        line.outcomes += answered.attempt.outcomes.len();
        line.waiting.push(answered);
        if line.is_at_work {
            if line.outcomes >= TOGETHER {
                self.enough.notify_one();
            }
            return;
        }
        line.is_at_work = true;
        drop(line);
        let own = Arc::clone(self);
        settlers.give(move || own.work());
    }

    fn work(&self) {
        loop {
            let is_few = |line: &mut Line| (1..TOGETHER).contains(&line.outcomes);
            let waited = self.enough.wait_timeout_while(self.line(), LONGEST, is_few);
            let (mut line, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let together = std::mem::take(&mut line.waiting);
            (line.outcomes, line.is_at_work) = (0, !together.is_empty());
            drop(line);
            if together.is_empty() {
                return;
            }
            see_off(together);
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn see_off(together: Vec<CompletedAttempt>) {
    let records: Vec<Record> = together.iter().map(CompletedAttempt::record).collect();
    let recorded = match together.first() {
        Some(first) => history::append(&first.settings.spool, &records),
        None => return,
    };
    for (answered, record) in together.into_iter().zip(&records) {
        match &recorded {
            Ok(()) => answered.leave(record),
            // By its journal, which has a reserve, and patience.
            Err(_) => answered.settle(),
        }
    }
}
