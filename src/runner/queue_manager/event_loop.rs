//! The event loop of the queue manager: it waits for an event, passes it on, and gives the workers their next
//! messages. *When* something happens is decided by the scheduler and `rules::retry`.
//!
//! Everything that changes the schedule happens in this one thread. Workers, listeners, watchers and commands only
//! send events and never touch the schedule. So it needs no locks, no decision depends on which thread comes first,
//! and the log shows the decisions in the order in which they were made.
//!
//! The loop waits only at its channel. A turn of the loop does everything that is due at this moment, computes when
//! the next thing will be due, sets the timer to that, and waits for one event. An event that arrives while a turn is
//! running stays in the channel and ends the next wait at once, so no wake-up can be lost between looking and waiting.
//! [`Event::Due`] carries nothing: it only starts a turn, and the turn decides from the clock. A late, early or
//! repeated one does no harm.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use jiff::Timestamp;

use super::housekeeping::Housekeeping;
use super::idle_exit::Next;
use super::intake::Leftovers;
use super::state::{QueueState, RESCAN, Until};
use super::timer::Timer;
use super::watchers::FileWatcher;
use super::workers::Workers;
use crate::control::access::AuthorisedSelection;
use crate::control::loaded::Loaded;
use crate::control::protocol::{Detail, Response};
use crate::log;
use crate::runner::alarm_thread::AlarmThread;
use crate::runner::context::Context;
use crate::runner::durability::DurabilityGate;
use crate::runner::event::{Event, EventChannel, WorkerEvent};
use crate::runner::finished::FinishedMessages;
use crate::runner::listener::intake_state::IntakeState;
use crate::spool::SpoolError;
use crate::spool::lock::RunnerLock;
use crate::sys::notify;

/// So many events are handled in one turn, besides the one that began it.
const TURN: usize = 64;

/// The runner. It holds the lock, which proves that no other runner works on the spool.
pub struct QueueManager {
    queue: QueueState,
    workers: Workers,
    housekeeping: Housekeeping,
    gate: Arc<DurabilityGate>,
    finished: Arc<FinishedMessages>,
    /// Without a timer, the channel's timeout wakes the loop, which is late after a suspend.
    timer: Option<Timer>,
    events: Receiver<Event>,
    lock: RunnerLock,
}

impl QueueManager {
    /// A runner that does not know any message yet.
    #[must_use]
    pub fn new(loaded: Arc<Loaded>, context: Context, lock: RunnerLock, until: Until, channel: EventChannel) -> Self {
        let EventChannel { sender, events } = channel;
        let timer = Timer::start(sender.clone());
        let timer = timer.map_err(|error| log::warning(format_args!("cannot set the timer: {error}"))).ok();
        let (gate, finished) = (Arc::clone(&context.gate), Arc::clone(&context.finished));
        let queue = QueueState::new(loaded, &context, until, sender.clone());
        let workers = Workers::new(context, sender);
        Self { queue, workers, housekeeping: Housekeeping::default(), gate, finished, timer, events, lock }
    }

    /// Sets how often queue/ is scanned if nothing reports new mail sooner, and the watcher that follows the
    /// configuration.
    pub fn set_sources(&mut self, interval: Duration, files: Option<FileWatcher>) {
        self.queue.scan_timer.set_interval(interval);
        self.queue.files = files;
    }

    /// Also accepts the mail of the whole machine.
    pub fn serve(&mut self, intake: Arc<IntakeState>) {
        self.queue.intake.serve(intake);
    }

    /// Attempts these messages now and reports each result to `responses`.
    pub fn flush(&mut self, selection: &AuthorisedSelection, detail: Detail, responses: Sender<Response>) {
        self.queue.flush(selection, detail, responses);
    }

    /// Removes what earlier runners left, loads the queue, and opens the intake.
    ///
    /// The order matters. Messages whose delivery only history records are removed before anything is scheduled. A
    /// message that killed the last runners is set aside before the scan reads it. The whole queue is known before the
    /// intake opens, because the tokens of queued messages are how a repeated submission is recognised. The watch on
    /// queue/ exists already, so a file that appears during the scan is reported as well; a known message is not
    /// loaded twice.
    pub fn startup_scan(&mut self) -> Result<(), SpoolError> {
        let queue = &mut self.queue;
        let spool = queue.loaded.spool.clone();
        if let Err(error) = spool.sweep(&self.lock) {
            log::warning(format_args!("{error}; leftovers of earlier runners are kept for now"));
        }
        if let Err(error) = self.finished.remove_finished() {
            log::warning(format_args!("{error}; reading history again for messages that have left the queue"));
        }
        self.gate.keep_reserve();
        queue.leave_out_fatal();
        let leftovers = queue.intake.find_leftovers(&spool)?;
        queue.rescan()?;
        queue.intake.remember_failed(&spool)?;
        match leftovers {
            Leftovers::Some => {
                queue.intake.pick_up_leftovers(&queue.loaded, &queue.events);
                queue.rescan()?;
            }
            Leftovers::None => queue.intake.open(&queue.loaded, &queue.events),
        }
        log::started(queue.loaded.config.path.display(), spool.dir().display(), queue.schedule.len());
        // Somebody who flushes by hand sees for himself what is wrong.
        if queue.until != Until::Flushed {
            queue.alarms = AlarmThread::start(&queue.loaded, queue.events.clone());
        }
        Ok(())
    }

    /// Runs until the runner stops, then releases the lock.
    pub fn run(mut self) {
        loop {
            let now = self.queue.now();
            self.do_what_is_due(now);
            if self.is_over() {
                break;
            }
            match self.wait(now) {
                Ok(event) => self.handle_events(event),
                Err(RecvTimeoutError::Timeout) => {}
                // Cannot happen: the queue's state holds a sender.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // After every event and not only after a timeout: under a steady stream of events the wait never times
            // out, and a file that inotify did not report would wait forever.
            if !self.gate.is_stopping() && self.queue.scan_timer.is_due(self.queue.now()) {
                self.queue.rescan_or_later();
            }
        }
        self.end();
    }

    /// Tables come before sessions, so that a message is never attempted with a table that was replaced minutes ago.
    /// Flushes come last: what was just done may have been what they waited for.
    fn do_what_is_due(&mut self, now: Timestamp) {
        self.queue.schedule.promote_due(now);
        if self.gate.is_stopping() {
            self.queue.give_up_flushes();
        } else {
            self.queue.refresh_tables(now);
            self.queue.read_settled_tables(now);
            self.queue.send_digests(now);
            self.queue.send_gathered(now);
            self.queue.list_held(now);
            self.workers.start_sessions(&mut self.queue, now);
            self.housekeeping.run(now, &self.queue.loaded, &self.gate);
            self.queue.write_metrics(now);
        }
        self.queue.flushes.finish();
    }

    /// Workers come first, whatever else holds: an attempt in progress has outcomes that only its thread knows, and an
    /// answered one may not be on disk yet. A process that ended now would send both messages again. A stop takes
    /// effect only after that, and then without regard to the queue.
    fn is_over(&mut self) -> bool {
        // What was just stored is due by now.
        let now = self.queue.now();
        if !self.workers.are_done() {
            self.queue.is_busy();
            return false;
        }
        let queue = &self.queue;
        match queue.until {
            _ if self.gate.is_stopping() => true,
            Until::Stopped => self.is_idle_for_good(now),
            Until::Empty => queue.schedule.is_empty() && queue.digests.is_empty() && queue.floods.is_empty(),
            Until::OnePass => !queue.schedule.has_work(now) && queue.flushes.is_empty(),
            Until::Flushed => queue.flushes.is_empty() && queue.floods.has_left(),
        }
    }

    /// Whether the runner leaves until systemd starts it again. The order is explained in `idle_exit`.
    fn is_idle_for_good(&mut self, now: Timestamp) -> bool {
        if self.queue.next_when_idle(now) == Next::Stay {
            return false;
        }
        while let Ok(event) = self.events.try_recv() {
            self.handle_event(event);
        }
        let leaves = self.workers.are_done() && (self.gate.is_stopping() || self.queue.may_leave());
        if !leaves {
            self.queue.stay();
        }
        leaves
    }

    /// The timer runs on the boot clock and wakes the loop by an event, so the channel's own timeout is only a safety
    /// net. While the runner stops nothing more falls due, and only workers' events are waited for.
    fn wait(&self, now: Timestamp) -> Result<Event, RecvTimeoutError> {
        let wait = if self.gate.is_stopping() { RESCAN } else { self.queue.time_to_wait(now) };
        match &self.timer {
            Some(timer) if timer.set(wait).is_ok() => self.events.recv_timeout(RESCAN),
            _ => self.events.recv_timeout(wait),
        }
    }

    /// Handles this event and those that are there already: a thousand messages that arrive within a second need no
    /// thousand turns.
    fn handle_events(&mut self, first: Event) {
        self.handle_event(first);
        for event in self.events.try_iter().take(TURN).collect::<Vec<_>>() {
            self.handle_event(event);
        }
    }

    fn handle_event(&mut self, event: Event) {
        let queue = &mut self.queue;
        match event {
            Event::Queued(id) => queue.load(id),
            Event::Rescan => queue.rescan_or_later(),
            Event::Due => {}
            Event::FilesChanged => queue.on_files_changed(),
            Event::Reload => queue.reload(),
            Event::Stop => self.gate.stop(),
            Event::Worker(event) => self.on_worker_event(event),
            Event::Flush { selection, detail, responses } => queue.on_flush(&selection, detail, responses),
            Event::Change { change, responses } => queue.modify(&change, &responses),
            Event::Looked { metrics, level } => {
                queue.metrics.looked(metrics);
                queue.alarms.looked(level);
            }
            Event::Metrics { responses } => {
                // The requester may be gone.
                let _ = responses.send(Response::Metrics { text: queue.metrics_text() });
            }
            Event::Active { responses } => {
                let ids = queue.schedule.active().into_iter().cloned().collect();
                // The requester may be gone.
                let _ = responses.send(Response::Active { ids });
                let _ = responses.send(Response::Finished);
            }
        }
    }

    /// An answered attempt is counted as unrecorded before its worker asks for the next message: that count is what
    /// keeps a worker with nothing to do alive until it is known whether a bounce follows. Each report may have made
    /// messages ready, so workers without a message are asked again every time.
    fn on_worker_event(&mut self, event: WorkerEvent) {
        match event {
            WorkerEvent::Finished(report) => {
                let (worker, account) = (report.worker, report.account.clone());
                let begun = self.workers.attempt_finished(&report);
                self.queue.on_attempt_finished(report, begun);
                self.workers.assign_next(&mut self.queue, worker, &account);
            }
            WorkerEvent::SessionOpened(account) => self.queue.on_session_opened(&account),
            WorkerEvent::Recorded(recorded) => {
                self.workers.attempt_recorded();
                self.queue.on_attempt_recorded(recorded);
            }
        }
        self.workers.assign_idle(&mut self.queue);
    }

    /// No attempt is running or unrecorded any more. Only then does the length of history say that everything up to it
    /// was removed from queue/. The lock is released last: the next runner may start at that instant and must find the
    /// state complete.
    fn end(mut self) {
        notify::tell(notify::State::Stopping);
        self.workers.join();
        self.queue.intake.finish_transactions();
        self.queue.finish_all_brought();
        if !self.gate.is_stopping() {
            self.queue.alarms.finish();
        }
        self.queue.say_farewell();
        let loaded = &self.queue.loaded;
        loaded.clock.keep(&loaded.spool);
        if let Err(error) = self.finished.save_extent() {
            log::warning(format_args!("{error}; the next runner reads more of the history"));
        }
        log::stopped(if self.gate.is_stopping() { "SIGTERM or SIGINT" } else { "nothing left to do" });
        drop(self.lock);
    }
}
