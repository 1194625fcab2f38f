//! The event loop's knowledge of the queue. Each part has its own state. What affects several parts is in the files
//! above this one: `scan` (messages enter), `attempts` (workers report), `flush`, `modify`, `digests`, and `reload`
//! (the configuration changes).
//!
//! Times are queue times ([`crate::spool::clock`]), which nobody can set.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::account_backoff::AccountBackoff;
use super::account_queue::later;
use super::counters::Counters;
use super::digest_queue::DigestQueue;
use super::flood_queue::FloodQueue;
use super::flush_requests::FlushRequests;
use super::idle_period::IdlePeriod;
use super::intake::Intake;
use super::message_parts::Mixed;
use super::owner_pace::OwnerPace;
use super::scheduler::Scheduler;
use super::watchers::FileWatcher;
use crate::control::loaded::Loaded;
use crate::runner::alarm_thread::AlarmThread;
use crate::runner::context::Context;
use crate::runner::event::Event;
use crate::runner::held_notices::HeldNotices;
use crate::runner::report_limit::ReportLimit;
use crate::runner::session_watchers::SessionWatchers;

/// queue/ is scanned at this interval even if inotify reports nothing.
pub(crate) const RESCAN: Duration = Duration::from_mins(15);

/// When the runner ends on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never; it runs until it is stopped.
    Stopped,
    /// When the queue is empty except for held mail.
    Empty,
    /// After one pass over what is due.
    OnePass,
    /// When every requested flush is finished. Nothing else is attempted.
    Flushed,
}

/// The queue and everything that decides about it.
pub(super) struct QueueState {
    /// The configuration in force.
    pub(super) loaded: Arc<Loaded>,
    pub(super) until: Until,
    pub(super) schedule: Scheduler,
    /// Messages that two accounts deliver.
    pub(super) mixed: Mixed,
    pub(super) backoff: AccountBackoff,
    pub(super) flushes: FlushRequests,
    pub(super) owner_pace: OwnerPace,
    pub(super) digests: DigestQueue,
    pub(super) intake: Intake,
    pub(super) scan_timer: ScanTimer,
    pub(super) table_timer: TableTimer,
    /// Watches the files that the configuration names.
    pub(super) files: Option<FileWatcher>,
    pub(super) report_limit: Arc<ReportLimit>,
    pub(super) held_notices: Arc<HeldNotices>,
    pub(super) watchers: Arc<SessionWatchers>,
    pub(super) alarms: AlarmThread,
    pub(super) metrics: Counters,
    pub(super) floods: FloodQueue,
    pub(super) idle: IdlePeriod,
    /// To the event loop, for the threads that accept mail.
    pub(super) events: Sender<Event>,
}

impl QueueState {
    /// No message is known yet. Backoffs continue from the last runner.
    pub(super) fn new(loaded: Arc<Loaded>, context: &Context, until: Until, events: Sender<Event>) -> Self {
        let mut schedule = Scheduler::default();
        let backoff = AccountBackoff::restore(&loaded, &mut schedule);
        let now = loaded.clock.now();
        Self {
            loaded,
            until,
            schedule,
            mixed: Mixed::default(),
            backoff,
            flushes: FlushRequests::default(),
            owner_pace: OwnerPace::default(),
            digests: DigestQueue::default(),
            intake: Intake::default(),
            scan_timer: ScanTimer { last: now, every: RESCAN },
            table_timer: TableTimer { refreshed: now, settled_at: None },
            files: None,
            report_limit: Arc::clone(&context.report_limit),
            held_notices: Arc::clone(&context.held_notices),
            watchers: Arc::clone(&context.watchers),
            alarms: AlarmThread::default(),
            metrics: Counters::default(),
            floods: FloodQueue::default(),
            idle: IdlePeriod::default(),
            events,
        }
    }

    /// The current queue time.
    pub(super) fn now(&self) -> Timestamp {
        self.loaded.clock.now()
    }

    /// When to try again after a failure on this machine.
    pub(super) fn soon(&self) -> Timestamp {
        later(self.now(), self.loaded.config.queue.retry_min)
    }

    /// The time until something is due.
    ///
    /// Never longer than the scan interval, which bounds how late the loop can be if a source of events fails, and
    /// never negative: what is overdue is done in the next turn.
    pub(super) fn time_to_wait(&self, now: Timestamp) -> Duration {
        let due = self.schedule.next_wake().into_iter().chain(self.digests.next_due());
        let due = due.chain(self.table_timer.settled_at).chain(self.metrics_due()).chain(self.floods.next_due());
        let due = due.chain(self.idle_exit_due()).chain(self.held_notices.next_due());
        let wait = due.min().map(|due| due.duration_since(now).max(SignedDuration::ZERO));
        wait.and_then(|wait| Duration::try_from(wait).ok())
            .map_or(self.scan_timer.every, |wait| wait.min(self.scan_timer.every))
    }
}

/// When queue/ is scanned.
#[derive(Debug)]
pub(super) struct ScanTimer {
    last: Timestamp,
    every: Duration,
}

impl ScanTimer {
    /// Sets the interval, for example if inotify does not work.
    pub(super) fn set_interval(&mut self, every: Duration) {
        self.every = every;
    }

    /// A scan starts now.
    pub(super) fn restart(&mut self, now: Timestamp) {
        self.last = now;
    }

    /// Whether a scan is due.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        Duration::try_from(now.duration_since(self.last)).unwrap_or_default() >= self.every
    }
}

/// When table files are checked.
#[derive(Debug)]
pub(super) struct TableTimer {
    refreshed: Timestamp,
    /// When a table that is being written may have settled.
    settled_at: Option<Timestamp>,
}

impl TableTimer {
    /// Whether the tables may be checked again: at most once a second.
    pub(super) fn may_refresh(&mut self, now: Timestamp) -> bool {
        let may = now.duration_since(self.refreshed).as_secs() >= 1;
        if may {
            self.refreshed = now;
        }
        may
    }

    /// A table is being written and may be read from then on; or no table is.
    pub(super) fn settles_at(&mut self, at: Option<Timestamp>) {
        self.settled_at = at;
    }

    /// Whether the table that was being written may be read now. Returns true once.
    pub(super) fn has_settled(&mut self, now: Timestamp) -> bool {
        self.settled_at.take_if(|at| *at <= now).is_some()
    }
}
