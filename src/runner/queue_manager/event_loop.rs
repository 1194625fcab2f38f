//! The runner's loop: hears what happens, asks the schedule, starts and feeds session
//! threads. All decisions about *when* are `schedule`'s and `rules::retry`'s. Times here
//! are the queue's ([`crate::spool::clock`]), which no one can set.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::flush::FlushRequest;
use super::scheduler::Schedule;
use super::timer::Alarm;
use super::watchers::{Event, EventChannel, FileWatcher};
use crate::control::protocol::Response;
use crate::log;
use crate::runner::completion::digest::Owed;
use crate::runner::completion::settle::{Settled, Then};
use crate::runner::context::Settings;
use crate::runner::delivery::worker::Worker;
use crate::runner::event::{Late, Report, ReportFn, Told, WorkerEvent};
use crate::runner::listener::intake_state::IntakeState;
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
    Told,
    /// When the queue is empty but for held mail.
    Empty,
    /// After one pass over what is due.
    OnePass,
    /// When every flush that was asked for is finished; nothing else is attempted.
    Errands,
}

/// One session's thread, as the loop knows it.
struct WorkerHandle {
    jobs: Sender<MessageId>,
    thread: JoinHandle<()>,
    account: String,
    /// The settings it was started with; it is let go when they are superseded.
    settings: Arc<Settings>,
    /// When it was given the message in hand, by the wall's clock, as files' times are.
    begun: Timestamp,
}

/// The runner; holds the lock while it lives.
pub struct Engine {
    pub(crate) settings: Arc<Settings>,
    pub(crate) schedule: Schedule,
    pub(crate) health: Health,
    pub(crate) errands: Vec<FlushRequest>,
    pub(crate) owed: Owed,
    pub(crate) stopping: bool,
    pub(crate) until: Until,
    pub(crate) rescanned: Timestamp,
    pub(crate) cared: Timestamp,
    lock: RunnerLock,
    hands: HashMap<u64, WorkerHandle>,
    leaving: Vec<JoinHandle<()>>,
    hired: u64,
    /// Answered attempts that are not on disk yet; below zero for the moment in which the disk was faster than the news.
    settling: isize,
    /// Sessions that wait for what may come of these, and their accounts.
    resting: Vec<(u64, String)>,
    refreshed: Timestamp,
    /// When a table that is being written may have come to rest.
    pub(crate) tables_settle: Option<Timestamp>,
    rescan_every: Duration,
    alarm: Option<Alarm>,
    /// Where the mail of the whole machine comes in.
    pub(crate) front: Option<Arc<IntakeState>>,
    /// Has pickup look at once.
    pub(crate) nudge: Option<Sender<()>>,
    pub(crate) files: Option<FileWatcher>,
    pub(crate) sender: Sender<Event>,
    wakes: Receiver<Event>,
}

impl Engine {
    /// A runner that knows no message yet. The lock proves that no other works on the spool.
    #[must_use]
    pub fn new(settings: Arc<Settings>, lock: RunnerLock, until: Until, ears: EventChannel) -> Self {
        let EventChannel { sender, wakes } = ears;
        let health = account_health::read(&settings.spool);
        let alarm = Alarm::start(sender.clone());
        // Without it the channel's timeout wakes the runner, only late after a suspend.
        let alarm = alarm.map_err(|error| log::warning(format_args!("cannot set the timer: {error}"))).ok();
        let now = settings.clock.now();
        let mut engine = Self {
            settings,
            schedule: Schedule::default(),
            health,
            errands: Vec::new(),
            owed: Owed::default(),
            stopping: false,
            until,
            rescanned: now,
            cared: Timestamp::UNIX_EPOCH,
            lock,
            hands: HashMap::new(),
            leaving: Vec::new(),
            hired: 0,
            settling: 0,
            resting: Vec::new(),
            refreshed: now,
            tables_settle: None,
            rescan_every: RESCAN,
            alarm,
            front: None,
            nudge: None,
            files: None,
            sender,
            wakes,
        };
        engine.recall_rests();
        engine
    }

    /// How often queue/ is looked at, where nobody tells of new mail sooner; who tells of changed files follows the config.
    pub fn listen(&mut self, pace: Duration, files: Option<FileWatcher>) {
        (self.rescan_every, self.files) = (pace, files);
    }

    /// Tidies up and takes the queue as it is.
    pub fn take_stock(&mut self) -> Result<(), SpoolError> {
        if let Err(error) = self.settings.spool.sweep(&self.lock) {
            log::warning(format_args!("{error}; leftovers of earlier runners are kept for now"));
        }
        if let Err(error) = self.settings.recorded.see_off(&self.settings.spool) {
            log::warning(format_args!("{error}; reading history again for messages that have left the queue"));
        }
        self.settings.safety.keep_reserve();
        let left = self.front_for_what_is_left()?;
        self.rescan()?;
        self.remember_set_aside()?;
        match left {
            Some(front) => self.take_over(&front)?,
            None => self.open_front(),
        }
        let settings = &self.settings;
        log::started(settings.config.path.display(), settings.spool.dir().display(), self.schedule.len());
        Ok(())
    }

    /// Works until it ends; gives the lock back.
    pub fn run(mut self) {
        loop {
            let now = self.now();
            self.stopping |= self.settings.safety.is_stopping();
            self.schedule.wake(now);
            if !self.stopping {
                self.refresh_tables(now);
                self.take_settled_tables(now);
                self.send_digests(now);
                self.start_sessions(now);
                self.care_daily(now);
            }
            self.finish_errands();
            if self.is_over(now) {
                break;
            }
            match self.wait(now) {
                Ok(wake) => self.hear(wake),
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
        for thread in self.leaving.drain(..) {
            // They only say QUIT; one that panicked has nothing left to give back.
            let _ = thread.join();
        }
        let settings = &self.settings;
        settings.clock.keep(&settings.spool);
        if let Err(error) = settings.recorded.close(&settings.spool) {
            log::warning(format_args!("{error}; the next runner reads more of the history"));
        }
        let why = if self.stopping { "SIGTERM or SIGINT" } else { "nothing left to do" };
        log::stopped(why);
        drop(self.lock);
    }

    /// The queue's time.
    pub(crate) fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    fn wait(&self, now: Timestamp) -> Result<Event, RecvTimeoutError> {
        let patience = self.patience(now);
        match &self.alarm {
            Some(alarm) if alarm.set(patience).is_ok() => {
                self.wakes.recv_timeout(RESCAN).or_else(|error| match error {
                    RecvTimeoutError::Timeout => Ok(Event::Due),
                    RecvTimeoutError::Disconnected => Err(error),
                })
            }
            _ => self.wakes.recv_timeout(patience),
        }
    }

    fn hear(&mut self, wake: Event) {
        match wake {
            Event::Queued(id) => self.take_in(id),
            Event::Rescan => self.rescan_or_later(),
            Event::Due => {}
            Event::Mended => self.mended(),
            Event::Reload => self.reload(),
            Event::Stop => self.stopping = true,
            Event::WorkerEvent(news) => self.told(news),
            Event::Flush { selection, responses } => {
                if selection.scope().is_everything() {
                    self.reload_if_changed();
                    self.rescan_or_later();
                } else {
                    // Its messages are named; the whole queue is not read again for one user.
                    selection.asked().ids.iter().for_each(|id| self.take_in(id.clone()));
                }
                self.flush(&selection, responses);
            }
            Event::Change { change, responses } => self.change(&change, &responses),
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
            self.settings.refresh();
        }
    }

    fn rescan_if_long_ago(&mut self) {
        let waited = Duration::try_from(self.now().duration_since(self.rescanned)).unwrap_or_default();
        if waited >= self.rescan_every && !self.stopping {
            self.rescan_or_later();
        }
    }

    fn start_sessions(&mut self, now: Timestamp) {
        let settings = Arc::clone(&self.settings);
        let most = |name: &str| settings.config.account(name).map_or(1, |account| account.max_connections);
        loop {
            let accounts = self.schedule.startable(now, most);
            if accounts.is_empty() {
                return;
            }
            for account in accounts {
                let Some(id) = self.schedule.take(&account, now) else { continue };
                if let Err(error) = self.hire(&account, &id) {
                    log::warning(format_args!("cannot start a thread for a session: {error}"));
                    let later = later(now, self.settings.config.queue.retry_min);
                    self.schedule.put_back(&id, &account, later);
                    return;
                }
            }
        }
    }

    fn hire(&mut self, account: &str, first: &MessageId) -> std::io::Result<()> {
        self.hired += 1;
        let number = self.hired;
        let (jobs, work) = mpsc::channel();
        let wakes = self.sender.clone();
        let ear: ReportFn = Arc::new(move |news| wakes.send(Event::WorkerEvent(news)).is_ok());
        let worker = Worker::new(number, account.to_owned(), Arc::clone(&self.settings));
        let thread =
            std::thread::Builder::new().name(format!("session {number}")).spawn(move || worker.run(&work, &ear))?;
        // The thread holds the other end until it has reported on every job.
        let _ = jobs.send(first.clone());
        let settings = Arc::clone(&self.settings);
        let begun = Timestamp::now();
        self.hands.insert(number, WorkerHandle { jobs, thread, account: account.to_owned(), settings, begun });
        self.schedule.session_started(account);
        Ok(())
    }

    fn told(&mut self, news: WorkerEvent) {
        match news {
            WorkerEvent::Worked(report) => self.worked(report),
            WorkerEvent::Settled(late) => self.settled_late(late),
        }
        let now = self.now();
        for (worker, account) in std::mem::take(&mut self.resting) {
            self.feed(worker, &account, now);
        }
    }

    fn worked(&mut self, report: Report) {
        let now = self.now();
        let Report { worker, account, id, told } = report;
        match told {
            Told::CompletedAttempt => {
                self.well(&account);
                self.settling += 1;
            }
            Told::Settled(settled) => self.settled(&account, settled),
            Told::Charged(settled) => {
                let reason = settled.reason.clone();
                self.settled(&account, settled);
                if self.schedule.charge(&account, &id) {
                    self.trouble(&account, Trouble::Relay, "none", &reason, Timestamp::now());
                }
            }
            Told::Trouble { trouble, relay, reason } => {
                let begun = self.hands.get(&worker).map_or_else(Timestamp::now, |hand| hand.begun);
                self.schedule.put_back(&id, &account, now);
                if trouble != Trouble::Relay && self.mended_since(&account, begun) {
                    // What the attempt worked with is out of date already.
                    self.mended();
                } else {
                    self.tell_waiting(&id, &reason);
                    self.trouble(&account, trouble, &relay, &reason, begun);
                }
            }
            Told::Elsewhere(other) => self.schedule.put_back(&id, &other, now),
            Told::More => {
                self.well(&account);
                self.schedule.put_back(&id, &account, now);
            }
            Told::NotBegun => self.schedule.put_back(&id, &account, now),
            Told::Gone => {
                self.schedule.forget(&id);
                self.strike_off(&id);
            }
            Told::Spool(error) => self.spool_failed(&account, &id, &error),
        }
        self.feed(worker, &account, now);
    }

    /// What a session learnt a while ago is on disk, or is not.
    fn settled_late(&mut self, late: Late) {
        self.settling -= 1;
        match late.settled {
            Ok(settled) => self.settled(&late.account, settled),
            Err(error) => self.spool_failed(&late.account, &late.id, &error),
        }
    }

    fn spool_failed(&mut self, account: &str, id: &MessageId, error: &SpoolError) {
        log::warning(format_args!("{id}: {error}; trying again later"));
        let again = later(self.now(), self.settings.config.queue.retry_min);
        self.schedule.put_back(id, account, again);
        self.tell_waiting(id, &error.to_string());
    }

    /// Gives the worker its account's next message, or lets it go; while attempts are being written down it stays, for
    /// there may be a bounce for it to send.
    fn feed(&mut self, worker: u64, account: &str, now: Timestamp) {
        self.schedule.wake(now);
        let current = self.hands.get(&worker).is_some_and(|hand| Arc::ptr_eq(&hand.settings, &self.settings));
        let stopping = self.stopping || self.settings.safety.is_stopping();
        let next = if stopping || !current { None } else { self.schedule.take(account, now) };
        match (next, self.hands.get_mut(&worker)) {
            (Some(id), Some(hand)) => {
                hand.begun = Timestamp::now();
                // The thread waits for exactly this.
                let _ = hand.jobs.send(id);
            }
            _ if self.settling != 0 && current && !stopping => self.resting.push((worker, account.to_owned())),
            _ => self.let_go(worker),
        }
    }

    fn let_go(&mut self, worker: u64) {
        if let Some(hand) = self.hands.remove(&worker) {
            self.schedule.session_ended(&hand.account);
            drop(hand.jobs);
            self.leaving.retain(|thread| !thread.is_finished());
            self.leaving.push(hand.thread);
        }
    }

    fn settled(&mut self, account: &str, settled: Settled) {
        let again = self.schedule.is_wanted_again(&settled.id);
        let now = self.now();
        match settled.then {
            Then::More => return self.schedule.put_back(&settled.id, account, now),
            Then::Again(_) if again => self.schedule.put_back(&settled.id, account, now),
            Then::Again(wait) => self.schedule.put_back(&settled.id, account, later(now, wait)),
            Then::Held | Then::Gone | Then::Owed => self.schedule.forget(&settled.id),
        }
        if let Some(owes) = settled.owes.clone() {
            self.owe(&settled.id, owes);
        }
        for report in settled.reports.clone() {
            self.take_in(report);
        }
        if again && matches!(settled.then, Then::Again(_)) {
            return;
        }
        self.tell_result(settled);
    }

    fn is_over(&self, now: Timestamp) -> bool {
        if !self.hands.is_empty() || self.settling != 0 {
            return false;
        }
        match self.until {
            _ if self.stopping => true,
            Until::Told => false,
            Until::Empty => self.schedule.is_empty() && self.owed.is_empty(),
            Until::OnePass => !self.schedule.has_work(now) && self.errands.is_empty(),
            Until::Errands => self.errands.is_empty(),
        }
    }

    fn patience(&self, now: Timestamp) -> Duration {
        if self.stopping {
            return RESCAN;
        }
        let next = self.schedule.next_wake().into_iter().chain(self.owed.next()).chain(self.tables_settle).min();
        let next = next.map(|at| at.duration_since(now));
        next.and_then(|wait| Duration::try_from(wait.max(SignedDuration::ZERO)).ok())
            .map_or(self.rescan_every, |wait| wait.min(self.rescan_every))
    }
}

/// A moment after now; the far end of time stays now.
pub(crate) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(now)
}
