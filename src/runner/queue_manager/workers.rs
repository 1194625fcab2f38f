//! The workers of a runner: one thread per open session, which receives its messages from here one at a time. The
//! scheduler decides which message goes to which account.
//!
//! A worker that finishes while attempts are still being recorded is kept for a moment: recording may produce a
//! bounce, and a new session only to send that would cost another login.
//!
//! A worker belongs to the account and the configuration that it was started with, has at most one message at a time,
//! and is in exactly one of three places: `active` with a message, `active` and `idle` without one, or `retired`. Only
//! this file moves it, so the number of sessions that the scheduler counts is the number of workers in `active`.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use jiff::Timestamp;

use super::state::QueueState;
use crate::control::loaded::Loaded;
use crate::log;
use crate::runner::context::Context;
use crate::runner::delivery::worker::Worker;
use crate::runner::event::{AttemptOutcome, AttemptReport, Event, ReportFn};
use crate::spool::MessageId;

/// A worker, as the event loop sees it.
struct WorkerHandle {
    messages: Sender<MessageId>,
    thread: JoinHandle<()>,
    account: String,
    /// The configuration that it was started with. Once that is replaced, the worker gets no more messages.
    loaded: Arc<Loaded>,
    /// When it got its message, by the wall clock, because it is compared with times of files.
    begun: Timestamp,
    /// How many other sessions its account had as this one was begun, until a refusal is put down to them.
    beside: usize,
}

/// How an attempt began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    /// When its worker got the message, by the wall clock.
    pub(super) at: Timestamp,
    /// How many other sessions the account had then. They may have ended since.
    pub(super) beside: usize,
}

/// All workers.
pub(super) struct Workers {
    context: Context,
    events: Sender<Event>,
    active: HashMap<u64, WorkerHandle>,
    /// Threads that only have to send QUIT.
    retired: Vec<JoinHandle<()>>,
    spawned: u64,
    /// Answered attempts that are not on disk yet. Negative for a moment if the disk was faster than the worker's
    /// report.
    unrecorded: isize,
    /// Workers without a message, with their accounts. They are kept while attempts are being recorded, which may
    /// produce a bounce to send.
    idle: Vec<(u64, String)>,
}

impl Workers {
    /// No workers yet.
    pub(super) fn new(context: Context, events: Sender<Event>) -> Self {
        Self {
            context,
            events,
            active: HashMap::new(),
            retired: Vec::new(),
            spawned: 0,
            unrecorded: 0,
            idle: Vec::new(),
        }
    }

    /// Whether no attempt is in progress or being recorded.
    pub(super) fn are_done(&self) -> bool {
        self.active.is_empty() && self.unrecorded == 0
    }

    /// A worker reported on its message. Returns how the attempt began.
    pub(super) fn attempt_finished(&mut self, report: &AttemptReport) -> Beginning {
        if matches!(report.outcome, AttemptOutcome::Answered) {
            self.unrecorded += 1;
        }
        let is_refused = matches!(report.outcome, AttemptOutcome::TooManySessions(_));
        let Some(handle) = self.active.get_mut(&report.worker) else {
            return Beginning { at: Timestamp::now(), beside: 0 };
        };
        // Only the first refusal: a session that is refused again is refused for itself.
        let beside = if is_refused { std::mem::take(&mut handle.beside) } else { 0 };
        Beginning { at: handle.begun, beside }
    }

    /// An answered attempt is on disk, or failed to get there.
    pub(super) fn attempt_recorded(&mut self) {
        self.unrecorded -= 1;
    }

    /// Opens a session for every account that has ready messages and may have another session.
    ///
    /// One session per account and round, until no account wants another: with few file descriptors or threads left,
    /// every account gets its first session before any gets its second. Each round takes a message for each session,
    /// so the rounds end.
    pub(super) fn start_sessions(&mut self, queue: &mut QueueState, now: Timestamp) {
        let loaded = Arc::clone(&queue.loaded);
        let most = |name: &str| loaded.config.account(name).map_or(1, |account| account.max_connections);
        loop {
            let accounts = queue.schedule.startable(now, most);
            if accounts.is_empty() {
                return;
            }
            for account in accounts {
                let Some(id) = queue.schedule.take_next(&account, now) else { continue };
                if let Err(error) = self.spawn_worker(&account, &id, &loaded) {
                    log::warning(format_args!("cannot start a thread for a session: {error}"));
                    // The system is out of threads or memory. Trying the other accounts now would fail in the same
                    // way.
                    queue.schedule.requeue(&id, &account, queue.soon());
                    return;
                }
                queue.schedule.session_started(&account);
                queue.metrics.session_started(&account);
            }
        }
    }

    fn spawn_worker(&mut self, account: &str, first: &MessageId, loaded: &Arc<Loaded>) -> std::io::Result<()> {
        self.spawned += 1;
        let number = self.spawned;
        let (messages, received) = mpsc::channel();
        let events = self.events.clone();
        let report: ReportFn = Arc::new(move |event| events.send(Event::Worker(event)).is_ok());
        let worker = Worker::new(number, account.to_owned(), Arc::clone(loaded), &self.context, report);
        let thread =
            std::thread::Builder::new().name(format!("session {number}")).spawn(move || worker.run(&received))?;
        // The thread holds the other end until it has reported on every message.
        let _ = messages.send(first.clone());
        let beside = self.active.values().filter(|other| other.account == account).count();
        let (account, loaded, begun) = (account.to_owned(), Arc::clone(loaded), Timestamp::now());
        self.active.insert(number, WorkerHandle { messages, thread, account, loaded, begun, beside });
        Ok(())
    }

    /// Gives the worker the next message of its account, or retires it. While attempts are being recorded it is kept,
    /// because a bounce may follow.
    pub(super) fn assign_next(&mut self, queue: &mut QueueState, worker: u64, account: &str) {
        let now = queue.now();
        queue.schedule.promote_due(now);
        let is_stopping = self.context.gate.is_stopping();
        let is_current = self.active.get(&worker).is_some_and(|handle| Arc::ptr_eq(&handle.loaded, &queue.loaded));
        let may_go_on = is_current && !is_stopping && !queue.schedule.has_too_many_sessions(account, now);
        let next = if may_go_on { queue.schedule.take_next(account, now) } else { None };
        match (next, self.active.get_mut(&worker)) {
            (Some(id), Some(handle)) => {
                handle.begun = Timestamp::now();
                // The thread is waiting for this.
                let _ = handle.messages.send(id);
            }
            _ if may_go_on && self.unrecorded != 0 => self.idle.push((worker, account.to_owned())),
            _ => self.retire_worker(queue, worker),
        }
    }

    /// Tries again for the workers that were kept.
    pub(super) fn assign_idle(&mut self, queue: &mut QueueState) {
        for (worker, account) in std::mem::take(&mut self.idle) {
            self.assign_next(queue, worker, &account);
        }
    }

    /// Dropping the channel ends the worker's loop; it then sends QUIT, which may take seconds. The session no longer
    /// counts for the scheduler, and the thread is joined only when the runner ends, so that a slow server cannot
    /// delay other mail.
    fn retire_worker(&mut self, queue: &mut QueueState, worker: u64) {
        if let Some(handle) = self.active.remove(&worker) {
            queue.schedule.session_ended(&handle.account);
            drop(handle.messages);
            self.retired.retain(|thread| !thread.is_finished());
            self.retired.push(handle.thread);
        }
    }

    /// Waits for the retired threads, before the runner ends.
    pub(super) fn join(self) {
        for thread in self.retired {
            // A thread that panicked has nothing to clean up.
            let _ = thread.join();
        }
    }
}
