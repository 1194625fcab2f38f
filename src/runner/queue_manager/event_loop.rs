//! The runner's loop: hears what happens, asks the schedule, starts and feeds session
//! threads. All decisions about *when* are `schedule`'s and `rules::retry`'s. Times here
//! are the queue's ([`crate::spool::clock`]), which no one can set.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::digests::DigestQueue;
use super::flush::FlushRequest;
use super::scheduler::{Scheduler, later};
use super::timer::Timer;
use super::watchers::FileWatcher;
use crate::control::loaded::Loaded;
use crate::control::protocol::Response;
use crate::log;
use crate::runner::context::Context;
use crate::runner::delivery::worker::Worker;
use crate::runner::event::{
    AttemptOutcome, AttemptReport, Event, EventChannel, RecordedAttempt, ReportFn, WorkerEvent,
};
use crate::runner::listener::intake_state::IntakeState;
use crate::runner::result::{AttemptResult, NextStep};
use crate::spool::account_health::{self, Health, Trouble};
use crate::spool::lock::RunnerLock;
use crate::spool::{MessageId, SpoolError};
use crate::sys::notify;

/// The queue is read again this often, whatever inotify said.
pub const RESCAN: Duration = Duration::from_mins(15);

/// When the runner ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never: only when told.
    Stopped,
    /// When the queue is empty but for held mail.
    Empty,
    /// After one pass over what is due.
    OnePass,
    /// When every flush that was asked for is finished; nothing else is attempted.
    Flushed,
}

/// One session's thread, as the loop knows it.
struct WorkerHandle {
    jobs: Sender<MessageId>,
    thread: JoinHandle<()>,
    account: String,
    /// The loaded it was started with; it is let go when they are superseded.
    loaded: Arc<Loaded>,
    /// When it was given the message in worker, by the wall's clock, as files' times are.
    begun: Timestamp,
}

/// The runner; holds the lock while it lives.
pub struct QueueManager {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) context: Context,
    pub(crate) schedule: Scheduler,
    pub(crate) health: Health,
    pub(crate) flushes: Vec<FlushRequest>,
    pub(crate) digests: DigestQueue,
    pub(crate) stopping: bool,
    pub(crate) until: Until,
    pub(crate) rescanned: Timestamp,
    pub(crate) kept_house: Timestamp,
    lock: RunnerLock,
    workers: HashMap<u64, WorkerHandle>,
    retired: Vec<JoinHandle<()>>,
    spawned: u64,
    /// Answered attempts that are not on disk yet; below zero for the moment in which the disk was faster than the event.
    unrecorded: isize,
    /// Sessions that wait for what may come of these, and their accounts.
    idle_workers: Vec<(u64, String)>,
    refreshed: Timestamp,
    /// When a table that is being written may have come to rest.
    pub(crate) tables_settle: Option<Timestamp>,
    rescan_every: Duration,
    timer: Option<Timer>,
    /// Where the mail of the whole machine comes in.
    pub(crate) intake: Option<Arc<IntakeState>>,
    /// Has pickup look at once.
    pub(crate) nudge: Option<Sender<()>>,
    pub(crate) files: Option<FileWatcher>,
    pub(crate) sender: Sender<Event>,
    events: Receiver<Event>,
}

impl QueueManager {
    /// A runner that knows no message yet. The lock proves that no other works on the spool.
    #[must_use]
    pub fn new(loaded: Arc<Loaded>, context: Context, lock: RunnerLock, until: Until, channel: EventChannel) -> Self {
        let EventChannel { sender, events } = channel;
        let health = account_health::read(&loaded.spool);
        let timer = Timer::start(sender.clone());
        // Without it the channel's timeout wakes the runner, only late after a suspend.
        let timer = timer.map_err(|error| log::warning(format_args!("cannot set the timer: {error}"))).ok();
        let now = loaded.clock.now();
        let mut engine = Self {
            loaded,
            context,
            schedule: Scheduler::default(),
            health,
            flushes: Vec::new(),
            digests: DigestQueue::default(),
            stopping: false,
            until,
            rescanned: now,
            kept_house: Timestamp::UNIX_EPOCH,
            lock,
            workers: HashMap::new(),
            retired: Vec::new(),
            spawned: 0,
            unrecorded: 0,
            idle_workers: Vec::new(),
            refreshed: now,
            tables_settle: None,
            rescan_every: RESCAN,
            timer,
            intake: None,
            nudge: None,
            files: None,
            sender,
            events,
        };
        engine.restore_backoff();
        engine
    }

    /// How often queue/ is looked at, where nobody tells of new mail sooner; who tells of changed files follows the config.
    pub fn listen(&mut self, pace: Duration, files: Option<FileWatcher>) {
        (self.rescan_every, self.files) = (pace, files);
    }

    /// Tidies up and takes the queue as it is.
    pub fn startup_scan(&mut self) -> Result<(), SpoolError> {
        if let Err(error) = self.loaded.spool.sweep(&self.lock) {
            log::warning(format_args!("{error}; leftovers of earlier runners are kept for now"));
        }
        if let Err(error) = self.context.finished.remove_finished() {
            log::warning(format_args!("{error}; reading history again for messages that have left the queue"));
        }
        self.context.gate.keep_reserve();
        let left = self.intake_for_leftovers()?;
        self.rescan()?;
        self.remember_set_aside()?;
        match left {
            Some(intake) => self.pick_up_leftovers(&intake)?,
            None => self.open_intake(),
        }
        let loaded = &self.loaded;
        log::started(loaded.config.path.display(), loaded.spool.dir().display(), self.schedule.len());
        Ok(())
    }

    /// Works until it ends; gives the lock back.
    pub fn run(mut self) {
        loop {
            let now = self.now();
            self.stopping |= self.context.gate.is_stopping();
            self.schedule.promote_due(now);
            if !self.stopping {
                self.refresh_tables(now);
                self.reread_settled_tables(now);
                self.send_digests(now);
                self.start_sessions(now);
                self.keep_house(now);
            }
            self.finish_flushes();
            if self.is_over(now) {
                break;
            }
            match self.wait(now) {
                Ok(event) => self.handle_event(event),
                Err(RecvTimeoutError::Timeout) => {}
                // This engine holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.rescan_if_long_ago();
        }
        self.end();
    }

    fn end(mut self) {
        notify::tell(notify::State::Stopping);
        for thread in self.retired.drain(..) {
            // They only say QUIT; one that panicked has nothing left to give back.
            let _ = thread.join();
        }
        let loaded = &self.loaded;
        loaded.clock.keep(&loaded.spool);
        if let Err(error) = self.context.finished.save_extent() {
            log::warning(format_args!("{error}; the next runner reads more of the history"));
        }
        let why = if self.stopping { "SIGTERM or SIGINT" } else { "nothing left to do" };
        log::stopped(why);
        drop(self.lock);
    }

    /// The queue's time.
    pub(crate) fn now(&self) -> Timestamp {
        self.loaded.clock.now()
    }

    fn wait(&self, now: Timestamp) -> Result<Event, RecvTimeoutError> {
        let patience = self.patience(now);
        match &self.timer {
            Some(timer) if timer.set(patience).is_ok() => {
                self.events.recv_timeout(RESCAN).or_else(|error| match error {
                    RecvTimeoutError::Timeout => Ok(Event::Due),
                    RecvTimeoutError::Disconnected => Err(error),
                })
            }
            _ => self.events.recv_timeout(patience),
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Queued(id) => self.load(id),
            Event::Rescan => self.rescan_or_later(),
            Event::Due => {}
            Event::FilesChanged => self.on_files_changed(),
            Event::Reload => self.reload(),
            Event::Stop => self.stopping = true,
            Event::Worker(event) => self.on_worker_event(event),
            Event::Flush { selection, responses } => {
                if selection.scope().is_everything() {
                    self.reload_if_changed();
                    self.rescan_or_later();
                } else {
                    // Its messages are named; the whole queue is not read again for one user.
                    selection.asked().ids.iter().for_each(|id| self.load(id.clone()));
                }
                self.flush(&selection, responses);
            }
            Event::Change { change, responses } => self.modify(&change, &responses),
            Event::Active { responses } => {
                let ids = self.schedule.active().into_iter().cloned().collect();
                // The requester may have gone.
                let _ = responses.send(Response::Active { ids });
                let _ = responses.send(Response::Finished);
            }
        }
    }

    /// Table files are looked at again when there is something to send, once a second at most.
    fn refresh_tables(&mut self, now: Timestamp) {
        if self.schedule.has_work(now) && now.duration_since(self.refreshed).as_secs() >= 1 {
            self.refreshed = now;
            self.loaded.refresh();
        }
    }

    fn rescan_if_long_ago(&mut self) {
        let waited = Duration::try_from(self.now().duration_since(self.rescanned)).unwrap_or_default();
        if waited >= self.rescan_every && !self.stopping {
            self.rescan_or_later();
        }
    }

    fn start_sessions(&mut self, now: Timestamp) {
        let loaded = Arc::clone(&self.loaded);
        let most = |name: &str| loaded.config.account(name).map_or(1, |account| account.max_connections);
        loop {
            let accounts = self.schedule.startable(now, most);
            if accounts.is_empty() {
                return;
            }
            for account in accounts {
                let Some(id) = self.schedule.take_next(&account, now) else { continue };
                if let Err(error) = self.spawn_worker(&account, &id) {
                    log::warning(format_args!("cannot start a thread for a session: {error}"));
                    let later = later(now, self.loaded.config.queue.retry_min);
                    self.schedule.requeue(&id, &account, later);
                    return;
                }
            }
        }
    }

    fn spawn_worker(&mut self, account: &str, first: &MessageId) -> std::io::Result<()> {
        self.spawned += 1;
        let number = self.spawned;
        let (jobs, work) = mpsc::channel();
        let events = self.sender.clone();
        let report: ReportFn = Arc::new(move |event| events.send(Event::Worker(event)).is_ok());
        let worker = Worker::new(number, account.to_owned(), Arc::clone(&self.loaded), &self.context, report);
        let thread = std::thread::Builder::new().name(format!("session {number}")).spawn(move || worker.run(&work))?;
        // The thread holds the other end until it has reported on every job.
        let _ = jobs.send(first.clone());
        let loaded = Arc::clone(&self.loaded);
        let begun = Timestamp::now();
        self.workers.insert(number, WorkerHandle { jobs, thread, account: account.to_owned(), loaded, begun });
        self.schedule.session_started(account);
        Ok(())
    }

    fn on_worker_event(&mut self, event: WorkerEvent) {
        match event {
            WorkerEvent::Finished(report) => self.on_attempt_finished(report),
            WorkerEvent::Recorded(recorded) => self.on_attempt_recorded(recorded),
        }
        let now = self.now();
        for (worker, account) in std::mem::take(&mut self.idle_workers) {
            self.assign_next(worker, &account, now);
        }
    }

    fn on_attempt_finished(&mut self, report: AttemptReport) {
        let now = self.now();
        let AttemptReport { worker, account, id, outcome } = report;
        match outcome {
            AttemptOutcome::Answered => {
                self.account_recovered(&account);
                self.unrecorded += 1;
            }
            AttemptOutcome::Settled(result) => self.apply_result(&account, result),
            AttemptOutcome::Charged(result) => {
                let reason = result.reason.clone();
                self.apply_result(&account, result);
                if self.schedule.charge(&account, &id) {
                    self.account_failed(&account, Trouble::Relay, "none", &reason, Timestamp::now());
                }
            }
            AttemptOutcome::AccountFailed { trouble, relay, reason } => {
                let begun = self.workers.get(&worker).map_or_else(Timestamp::now, |worker| worker.begun);
                self.schedule.requeue(&id, &account, now);
                if trouble != Trouble::Relay && self.changed_since(&account, begun) {
                    // What the attempt worked with is out of date already.
                    self.on_files_changed();
                } else {
                    self.report_waiting(&id, &reason);
                    self.account_failed(&account, trouble, &relay, &reason, begun);
                }
            }
            AttemptOutcome::Rerouted(other) => self.schedule.requeue(&id, &other, now),
            AttemptOutcome::More => {
                self.account_recovered(&account);
                self.schedule.requeue(&id, &account, now);
            }
            AttemptOutcome::NotBegun => self.schedule.requeue(&id, &account, now),
            AttemptOutcome::Gone => {
                self.schedule.remove(&id);
                self.drop_from_flushes(&id);
            }
            AttemptOutcome::SpoolFailed(error) => self.spool_failed(&account, &id, &error),
        }
        self.assign_next(worker, &account, now);
    }

    /// What a session learnt a while ago is on disk, or is not.
    fn on_attempt_recorded(&mut self, recorded: RecordedAttempt) {
        self.unrecorded -= 1;
        match recorded.result {
            Ok(result) => self.apply_result(&recorded.account, result),
            Err(error) => self.spool_failed(&recorded.account, &recorded.id, &error),
        }
    }

    fn spool_failed(&mut self, account: &str, id: &MessageId, error: &SpoolError) {
        log::warning(format_args!("{id}: {error}; trying again later"));
        let again = later(self.now(), self.loaded.config.queue.retry_min);
        self.schedule.requeue(id, account, again);
        self.report_waiting(id, &error.to_string());
    }

    /// Gives the worker its account's next message, or lets it go; while attempts are being written down it stays, for
    /// there may be a bounce for it to send.
    fn assign_next(&mut self, worker: u64, account: &str, now: Timestamp) {
        self.schedule.promote_due(now);
        let current = self.workers.get(&worker).is_some_and(|worker| Arc::ptr_eq(&worker.loaded, &self.loaded));
        let stopping = self.stopping || self.context.gate.is_stopping();
        let next = if stopping || !current { None } else { self.schedule.take_next(account, now) };
        match (next, self.workers.get_mut(&worker)) {
            (Some(id), Some(worker)) => {
                worker.begun = Timestamp::now();
                // The thread waits for exactly this.
                let _ = worker.jobs.send(id);
            }
            _ if self.unrecorded != 0 && current && !stopping => self.idle_workers.push((worker, account.to_owned())),
            _ => self.retire_worker(worker),
        }
    }

    fn retire_worker(&mut self, worker: u64) {
        if let Some(worker) = self.workers.remove(&worker) {
            self.schedule.session_ended(&worker.account);
            drop(worker.jobs);
            self.retired.retain(|thread| !thread.is_finished());
            self.retired.push(worker.thread);
        }
    }

    fn apply_result(&mut self, account: &str, result: AttemptResult) {
        let again = self.schedule.wants_another_attempt(&result.id);
        let now = self.now();
        match result.next_step {
            NextStep::More => return self.schedule.requeue(&result.id, account, now),
            NextStep::Retry(_) if again => self.schedule.requeue(&result.id, account, now),
            NextStep::Retry(wait) => self.schedule.requeue(&result.id, account, later(now, wait)),
            NextStep::Held | NextStep::Gone | NextStep::AwaitDigest => self.schedule.remove(&result.id),
        }
        if let Some(owes) = result.owes.clone() {
            self.owe_digest(&result.id, owes);
        }
        for report in result.reports.clone() {
            self.load(report);
        }
        if again && matches!(result.next_step, NextStep::Retry(_)) {
            return;
        }
        self.report_result(result);
    }

    fn is_over(&self, now: Timestamp) -> bool {
        if !self.workers.is_empty() || self.unrecorded != 0 {
            return false;
        }
        match self.until {
            _ if self.stopping => true,
            Until::Stopped => false,
            Until::Empty => self.schedule.is_empty() && self.digests.is_empty(),
            Until::OnePass => !self.schedule.has_work(now) && self.flushes.is_empty(),
            Until::Flushed => self.flushes.is_empty(),
        }
    }

    fn patience(&self, now: Timestamp) -> Duration {
        if self.stopping {
            return RESCAN;
        }
        let next = self.schedule.next_wake().into_iter().chain(self.digests.next()).chain(self.tables_settle).min();
        let next = next.map(|at| at.duration_since(now));
        next.and_then(|wait| Duration::try_from(wait.max(SignedDuration::ZERO)).ok())
            .map_or(self.rescan_every, |wait| wait.min(self.rescan_every))
    }
}
