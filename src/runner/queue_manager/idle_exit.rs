//! When the machine's runner leaves because it has nothing to do (`idle_exit`), and that nothing is lost when it does.
//!
//! systemd keeps the sockets, so a client that connects while the runner leaves waits in the backlog and is served by the next
//! one. What is already inside has to be seen here: first no more connections and no pickup are let in, then the events that
//! were sent by then are handled, and then the folders are looked at. Pickup stores a message in queue/ before it removes its
//! file from drop/, so drop/ is looked at first. What is dropped after that is seen by `postrider-drop.path`, which looks again
//! when the service has ended.

use jiff::{SignedDuration, Timestamp};

use super::idle_period::{IdlePeriod, Quiet};
use super::state::QueueState;
use crate::config::places::IDLE;
use crate::control::idle_runner::Farewell;
use crate::control::report::{Kind, Level, Reason, Report};
use crate::control::status;
use crate::log;
use crate::runner::event::Event;
use crate::spool::SpoolError;

/// What the runner does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It stays.
    Stay,
    /// It is quiet for long enough, and lets nothing in any more.
    Look,
}

impl QueueState {
    /// How long it must be quiet, if it may leave at all: systemd must have passed the socket, and so open it again.
    fn idle_exit(&self) -> Option<SignedDuration> {
        let after = self.loaded.config.queue.idle_exit.filter(|_| self.intake.is_passed())?;
        Some(SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX))
    }

    /// When it is to be looked at again.
    pub(super) fn idle_exit_due(&self) -> Option<Timestamp> {
        let (after, quiet) = (self.idle_exit()?, self.idle.quiet?);
        quiet.since.saturating_add(after).ok()
    }

    /// Nothing is scheduled and nobody is owed anything. Held mail is not scheduled.
    fn is_quiet(&self) -> bool {
        let owes_nothing = self.digests.is_empty() && self.floods.is_empty() && self.held_notices.next_due().is_none();
        self.schedule.is_empty() && owes_nothing && self.flushes.is_empty()
    }

    /// Whether it has been quiet for long enough; then nothing is let in any more until [`Self::stay`].
    pub(super) fn next_when_idle(&mut self, now: Timestamp) -> Next {
        let Some(after) = self.idle_exit().filter(|_| self.is_quiet()) else {
            self.idle.quiet = None;
            return Next::Stay;
        };
        let accepted = self.intake.accepted();
        let quiet = self.idle.quiet.filter(|quiet| quiet.accepted == accepted);
        let since = quiet.map_or(now, |quiet| quiet.since);
        self.idle.quiet = Some(Quiet { since, accepted });
        if now.duration_since(since) < after {
            return Next::Stay;
        }
        if self.intake.close_if_empty() {
            return Next::Look;
        }
        // A client that stays connected is looked at again after the same time.
        self.idle.quiet = Some(Quiet { since: now, accepted });
        Next::Stay
    }

    /// Something is being done.
    pub(super) fn is_busy(&mut self) {
        self.idle.quiet = None;
    }

    /// The last look, after the events that were sent by then.
    pub(super) fn may_leave(&mut self) -> bool {
        let is_empty = self.is_quiet() && self.has_nothing_left().unwrap_or(false);
        self.idle.is_leaving = is_empty;
        is_empty
    }

    fn has_nothing_left(&self) -> Result<bool, SpoolError> {
        Ok(!self.loaded.spool.has_left()? && self.loaded.spool.has_only_held()?)
    }

    /// Something came in between.
    pub(super) fn stay(&mut self) {
        self.idle = IdlePeriod::default();
        self.intake.open_again();
        // What was handled is acted upon in the next turn, which is now.
        let _ = self.events.send(Event::Due);
    }

    /// Leaves word for `status`, while the lock is still held.
    pub(super) fn say_farewell(&self) {
        if !self.idle.is_leaving {
            return;
        }
        let loaded = &self.loaded;
        let mut report = match status::look(Some(&loaded.config), Some(&loaded.spool)) {
            Ok(report) => report,
            Err(error) => Report::of([Reason::new(Level::Unknown, Kind::Unknown, error.to_string())]),
        };
        report.extend(loaded.unreadable().map(status::unreadable));
        if let Err(error) = Farewell::of(report).write() {
            log::warning(format_args!("cannot write {IDLE}: {error}; \"postrider status\" calls the service stopped"));
        }
    }
}
