//! The runner's loop: hears what happens, asks the schedule, starts and feeds session
//! threads. All decisions about *when* are `schedule`'s and `rules::retry`'s.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::control::{Asked, Question};
use super::ears::{Ears, Wake};
use super::errands::Errand;
use super::schedule::Schedule;
use super::settings::Settings;
use super::settle::{Settled, Then};
use super::watch::Told as Watched;
use super::work::{Report, Told, Worker};
use crate::deliver::plan;
use crate::events;
use crate::spool::health::{self, Health, Trouble};
use crate::spool::journal::Journal;
use crate::spool::lock::RunnerLock;
use crate::spool::{MessageId, SpoolError};

/// The queue is read again this often, whatever inotify said.
const RESCAN: Duration = Duration::from_mins(15);

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
struct Hand {
    jobs: Sender<MessageId>,
    thread: JoinHandle<()>,
    account: String,
    /// The settings it was started with; it is let go when they are superseded.
    settings: Arc<Settings>,
}

/// The runner; holds the lock while it lives.
pub struct Engine {
    pub(super) settings: Arc<Settings>,
    pub(super) schedule: Schedule,
    pub(super) health: Health,
    pub(super) errands: Vec<Errand>,
    pub(super) stopping: bool,
    pub(super) until: Until,
    lock: RunnerLock,
    hands: HashMap<u64, Hand>,
    leaving: Vec<JoinHandle<()>>,
    hired: u64,
    refreshed: Timestamp,
    rescanned: Timestamp,
    sender: Sender<Wake>,
    wakes: Receiver<Wake>,
}

impl Engine {
    /// Takes the queue as it is. The lock proves that no other runner works on it.
    pub fn new(settings: Settings, lock: RunnerLock, until: Until, ears: Ears) -> Result<Self, SpoolError> {
        settings.spool.sweep(&lock)?;
        let Ears { sender, wakes } = ears;
        let health = health::read(&settings.spool);
        let mut engine = Self {
            settings: Arc::new(settings),
            schedule: Schedule::default(),
            health,
            errands: Vec::new(),
            stopping: false,
            until,
            lock,
            hands: HashMap::new(),
            leaving: Vec::new(),
            hired: 0,
            refreshed: Timestamp::now(),
            rescanned: Timestamp::now(),
            sender,
            wakes,
        };
        engine.recall_rests();
        engine.rescan()?;
        events::started(engine.settings.spool.dir().display(), engine.schedule.len());
        Ok(engine)
    }

    /// Works until it ends; gives the lock back.
    pub fn run(mut self) -> Result<(), SpoolError> {
        loop {
            let now = Timestamp::now();
            self.schedule.wake(now);
            if !self.stopping {
                self.refresh_tables(now);
                self.start_sessions(now);
            }
            self.finish_errands(now);
            if self.is_over(now) {
                break;
            }
            match self.wakes.recv_timeout(self.patience(now)) {
                Ok(wake) => self.hear(wake)?,
                Err(RecvTimeoutError::Timeout) => self.rescan_if_long_ago()?,
                // This engine holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        for thread in self.leaving.drain(..) {
            // They only say QUIT; one that panicked has nothing left to give back.
            let _ = thread.join();
        }
        let why = if self.stopping { "told to" } else { "nothing left to do" };
        events::stopped(why);
        drop(self.lock);
        Ok(())
    }

    fn hear(&mut self, wake: Wake) -> Result<(), SpoolError> {
        match wake {
            Wake::Queued(id) => self.take_in(id)?,
            Wake::Rescan => self.rescan()?,
            Wake::Reload => self.reload(),
            Wake::Stop => self.stopping = true,
            Wake::Worked(report) => self.worked(report)?,
            Wake::Asked(Asked { question: Question::Flush { selection }, answers }) => {
                self.reload_if_changed();
                self.rescan()?;
                self.flush(&selection, answers);
            }
        }
        Ok(())
    }

    /// Table files are looked at again when there is something to send, once a second at most.
    fn refresh_tables(&mut self, now: Timestamp) {
        if self.schedule.has_work(now) && now.duration_since(self.refreshed).as_secs() >= 1 {
            self.refreshed = now;
            self.settings.refresh();
        }
    }

    fn rescan_if_long_ago(&mut self) -> Result<(), SpoolError> {
        let now = Timestamp::now();
        if now.duration_since(self.rescanned).unsigned_abs() < RESCAN {
            return Ok(());
        }
        self.rescanned = now;
        self.rescan()
    }

    /// Reads queue/ and takes in what is not known yet.
    fn rescan(&mut self) -> Result<(), SpoolError> {
        for id in self.settings.spool.ids()? {
            self.take_in(id)?;
        }
        Ok(())
    }

    pub(super) fn take_in(&mut self, id: MessageId) -> Result<(), SpoolError> {
        if self.schedule.knows(&id) {
            return Ok(());
        }
        let now = Timestamp::now();
        let stored = match self.settings.spool.open_message(&id) {
            Ok(stored) => stored,
            Err(SpoolError::Gone(_)) => return Ok(()),
            Err(SpoolError::Damaged { path, what }) => {
                return self.set_aside(&id, &format!("{} is damaged: {what}", path.display()));
            }
            Err(other) => return Err(other),
        };
        let state = match Journal::peek(&self.settings.spool, &id, stored.envelope.recipients.len()) {
            Ok(state) => state,
            Err(SpoolError::Damaged { path, what }) => {
                return self.set_aside(&id, &format!("{} is damaged: {what}", path.display()));
            }
            Err(other) => return Err(other),
        };
        if state.held {
            return Ok(());
        }
        let account = self.account_for(&stored.envelope);
        self.schedule.add(id, &account, state.next.unwrap_or(now));
        Ok(())
    }

    /// The account's name, or empty where the config names none (the attempt will say so).
    fn account_for(&self, envelope: &crate::spool::Envelope) -> String {
        let tables = self.settings.generic();
        plan::account_name(&self.settings.config, &tables, envelope).unwrap_or_default().to_owned()
    }

    fn set_aside(&mut self, id: &MessageId, reason: &str) -> Result<(), SpoolError> {
        self.settings.spool.set_aside(id, reason)?;
        events::set_aside(id, reason);
        Ok(())
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
                    events::warning(format_args!("cannot start a session's thread: {error}"));
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
        let worker = Worker::new(number, account.to_owned(), Arc::clone(&self.settings));
        let thread = std::thread::Builder::new()
            .name(format!("session {number}"))
            .spawn(move || worker.run(&work, &|report| wakes.send(Wake::Worked(report)).is_ok()))?;
        // The thread holds the other end until it has reported on every job.
        let _ = jobs.send(first.clone());
        let settings = Arc::clone(&self.settings);
        self.hands.insert(number, Hand { jobs, thread, account: account.to_owned(), settings });
        self.schedule.session_started(account);
        Ok(())
    }

    fn worked(&mut self, report: Report) -> Result<(), SpoolError> {
        let now = Timestamp::now();
        let Report { worker, account, id, told } = report;
        match told {
            Told::Sent(settled) => {
                self.well(&account);
                self.settled(&account, settled)?;
            }
            Told::Settled(settled) => self.settled(&account, settled)?,
            Told::Charged(settled) => {
                let reason = settled.reason.clone();
                self.settled(&account, settled)?;
                if self.schedule.charge(&account, &id) {
                    self.trouble(&account, Trouble::Relay, "none", &reason, now);
                }
            }
            Told::Trouble { trouble, relay, reason } => {
                self.trouble(&account, trouble, &relay, &reason, now);
                self.schedule.put_back(&id, &account, now);
                self.tell_waiting(&id, &reason);
            }
            Told::Elsewhere(other) => self.schedule.put_back(&id, &other, now),
            Told::Gone => {
                self.schedule.forget(&id);
                self.strike_off(&id);
            }
            Told::Spool(error) => {
                events::warning(format_args!("{id}: {error}; it is tried again later"));
                let again = later(now, self.settings.config.queue.retry_min);
                self.schedule.put_back(&id, &account, again);
                self.tell_waiting(&id, &error.to_string());
            }
        }
        self.feed(worker, &account, now);
        Ok(())
    }

    /// Gives the worker its account's next message, or lets it go.
    fn feed(&mut self, worker: u64, account: &str, now: Timestamp) {
        self.schedule.wake(now);
        let current = self.hands.get(&worker).is_some_and(|hand| Arc::ptr_eq(&hand.settings, &self.settings));
        let next = if self.stopping || !current { None } else { self.schedule.take(account, now) };
        match (next, self.hands.get(&worker)) {
            (Some(id), Some(hand)) => {
                // The thread waits for exactly this.
                let _ = hand.jobs.send(id);
            }
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

    fn settled(&mut self, account: &str, settled: Settled) -> Result<(), SpoolError> {
        let again = self.schedule.is_wanted_again(&settled.id);
        match &settled.then {
            Then::Again(_) if again => self.schedule.put_back(&settled.id, account, Timestamp::now()),
            Then::Again(next) => self.schedule.put_back(&settled.id, account, *next),
            Then::Held | Then::Gone => self.schedule.forget(&settled.id),
        }
        for report in settled.reports.clone() {
            self.take_in(report)?;
        }
        if again && matches!(settled.then, Then::Again(_)) {
            return Ok(());
        }
        self.strike_off(&settled.id);
        self.settings.watchers.tell(&Watched::Result(settled));
        Ok(())
    }

    fn reload_if_changed(&mut self) {
        if self.settings.has_changed() {
            self.reload();
        }
        self.settings.refresh();
    }

    fn reload(&mut self) {
        match self.settings.reload() {
            Ok(settings) => {
                events::reloaded("configuration read again");
                self.adopt(settings);
            }
            Err(error) => {
                events::reloaded(&format!("warning: configuration not read again, the old one stays: {error}"));
            }
        }
    }

    /// New settings: every waiting message is routed anew and due at once; sessions in hand finish with the old ones.
    fn adopt(&mut self, settings: Settings) {
        self.settings = Arc::new(settings);
        let now = Timestamp::now();
        for account in self.accounts_in_trouble() {
            if self.may_probe_now(&account, now) {
                self.schedule.end_rest(&account);
            }
        }
        for id in self.schedule.idle() {
            self.schedule.forget(&id);
            if let Err(error) = self.take_in(id) {
                events::warning(error);
            }
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        if !self.hands.is_empty() {
            return false;
        }
        match self.until {
            _ if self.stopping => true,
            Until::Told => false,
            Until::Empty => self.schedule.is_empty(),
            Until::OnePass => !self.schedule.has_work(now) && self.errands.is_empty(),
            Until::Errands => self.errands.is_empty(),
        }
    }

    fn patience(&self, now: Timestamp) -> Duration {
        if self.stopping {
            return RESCAN;
        }
        let next = self.schedule.next_wake().map(|at| at.duration_since(now));
        next.and_then(|wait| Duration::try_from(wait.max(SignedDuration::ZERO)).ok())
            .map_or(RESCAN, |wait| wait.min(RESCAN))
    }
}

/// A moment after now; the far end of time stays now.
pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(now)
}
