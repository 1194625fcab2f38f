//! How messages enter the schedule: from a scan of queue/, one by one as they appear there, and again after a change
//! of the configuration. Damaged messages are set aside with the reason; what cannot be read now is read later.

use std::time::Duration;

use jiff::Timestamp;

use super::account_queue::later;
use super::round_robin::Origin;
use super::state::QueueState;
use crate::control::loaded::Loaded;
use crate::log;
use crate::mail::outcome::Status;
use crate::rules::retry;
use crate::runner::completion::{dsn, flood_digest, settlement, stored_report};
use crate::runner::message;
use crate::spool::journal::Journal;
use crate::spool::loading;
use crate::spool::queue::HasJournal;
use crate::spool::state::State;
use crate::spool::{Envelope, MessageId, Spool, SpoolError, Stored};

/// When a loaded message is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// At the time in its journal.
    AsRecorded,
    /// At that time; it was loaded before.
    AsRecordedAgain,
    /// Now, unless the outcome of its last attempt is unknown: another attempt may deliver a duplicate.
    Now,
}

impl QueueState {
    /// Scans queue/ and loads the messages that are not known yet.
    ///
    /// Messages that the intake holds back are left out. Their clients have no reply yet, and the event that releases
    /// them loads them.
    pub(super) fn rescan(&mut self) -> Result<(), SpoolError> {
        self.scan_timer.restart(self.now());
        let mut unknown = self.loaded.spool.listing()?;
        unknown.retain(|(id, _)| !self.schedule.contains(id) && !self.intake.is_held(id));
        // One at a time: all envelopes together may not fit into memory.
        for (id, has_journal) in unknown {
            let read = read(&self.loaded.spool, &id, has_journal);
            self.enqueue(id, read, Due::AsRecorded);
        }
        Ok(())
    }

    /// Sets aside the message that killed the last runners.
    pub(super) fn leave_out_fatal(&self) {
        let Some(id) = loading::fatal(&self.loaded.spool) else { return };
        let reason = format!(
            "the runner ended twice while it read this message, probably because its list of recipients needs more memory than is \
             available; give the runner more memory and run \"postrider queue retry {id}\", or delete it"
        );
        match message::set_aside_because(&self.loaded.spool, &id, &reason) {
            Ok(()) | Err(SpoolError::Gone(_)) => {}
            Err(error) => log::warning(error),
        }
    }

    /// Scans queue/. If that fails, a later scan tries again.
    pub(super) fn rescan_or_later(&mut self) {
        if let Err(error) = self.rescan() {
            log::warning(format_args!("{error}; trying again later"));
        }
    }

    /// Loads a message that appeared in queue/.
    pub(super) fn load(&mut self, id: MessageId) {
        self.load_due(id, Due::AsRecorded);
    }

    /// Loads a message that was taken out of the schedule.
    pub(super) fn load_again(&mut self, id: MessageId) {
        self.load_due(id, Due::AsRecordedAgain);
    }

    /// Loads a message. A known one is not changed.
    ///
    /// Several sources may announce the same file: inotify, a scan, the thread that stored it. The first one loads it.
    /// Whether there is a journal is not known here, so it is looked for.
    pub(super) fn load_due(&mut self, id: MessageId, due: Due) {
        if self.schedule.contains(&id) || self.intake.is_held(&id) {
            return;
        }
        let read = read(&self.loaded.spool, &id, HasJournal::Journal);
        self.enqueue(id, read, due);
    }

    /// Puts a message where it belongs: into the schedule, among those that wait for a digest, or aside.
    fn enqueue(&mut self, id: MessageId, read: Read, due: Due) {
        match read {
            Ok((stored, state)) => self.enqueue_message(id, &stored, &state, due),
            // It was delivered or deleted between the announcement and this read.
            Err(SpoolError::Gone(_)) => {}
            Err(error) => {
                let set_aside = match &error {
                    SpoolError::Damaged { .. } => message::set_aside(&self.loaded.spool, &id, &error),
                    _ => Err(error),
                };
                if let Err(error) = set_aside {
                    log::warning(format_args!("{id}: {error}; trying again later"));
                    // Scheduled without an account, so that it is not forgotten: the worker that gets it reads it
                    // again and reports what it finds.
                    let due = self.soon();
                    self.schedule.add(id, "", Origin::default(), due);
                }
            }
        }
    }

    fn enqueue_message(&mut self, id: MessageId, stored: &Stored, state: &State, due: Due) {
        let envelope = &stored.envelope;
        self.loaded.spool.count(&id, &envelope.submitter, stored.octets());
        self.intake.remember(envelope);
        // All are read again when the configuration changes, and those of a flood when they are announced twice, or are to be
        // sent after all.
        let is_new = due == Due::AsRecorded && *state == State::new(state.recipients.len());
        if is_new && !flood_digest::is_digest(envelope) {
            self.metrics.loaded(envelope.arrived, &envelope.submitter);
        }
        // A held message is not in the schedule at all. `release` loads it. One with `done` only has to be removed,
        // held or not.
        if state.held && !state.done {
            self.is_noted_digest(envelope);
            self.give_up_held(envelope, state);
            return;
        }
        // An earlier runner may have stored a report about this message and ended before the journal said so. The line
        // is added before anything is attempted, because once that report has left, it would be made again.
        if let Err(error) = stored_report::mark(&self.loaded.spool, stored, state) {
            // At worst its sender gets the report twice.
            log::warning(format_args!("{id}: {error}"));
        }
        self.mark_reported(envelope);
        if let Some(owes) = dsn::owes(&self.loaded, &self.report_limit, envelope, state) {
            self.owe_digest(&id, owes);
            if state.waits_for_digest() {
                return;
            }
        }
        let account = self.loaded.account_of(envelope);
        if self.leaves_with_others(stored, state, &account) {
            return;
        }
        let origin = Origin::of(&envelope.submitter, &envelope.sender.to_string());
        let due = later(self.now(), self.wait_of(state, due));
        let (account, due) = self.placed(&id, envelope, state, due);
        self.schedule.add(id, &account, origin, due);
    }

    /// Moves what we have held for its lifetime to failed/, with the reason. What somebody wanted to be held stays.
    fn give_up_held(&self, envelope: &Envelope, state: &State) {
        let Loaded { spool, clock, config, .. } = &*self.loaded;
        if !state.is_held_by_us() || clock.age(envelope.arrived) < config.queue.lifetime {
            return;
        }
        let (id, reason) = (&envelope.id, settlement::reason(state));
        let reason = format!("held for longer than `lifetime`: {reason}; `postrider queue retry {id}` sends it again");
        if let Err(error) = message::set_aside_because(spool, id, &reason) {
            log::warning(error);
        }
    }

    /// How long until the message is due. Its journal has wall clock times, and that clock may have jumped: no wait
    /// is longer than the longest that is ever set.
    fn wait_of(&self, state: &State, due: Due) -> Duration {
        let is_unknown = state.outcomes().any(|outcome| outcome.status == Status::Unknown);
        let longest = retry::longest_wait(&self.loaded.config.queue);
        let longest = if is_unknown { longest.max(retry::AFTER_UNKNOWN) } else { longest };
        match (due, state.next) {
            // A changed configuration says nothing about whether the server has the message, so an unknown outcome
            // keeps its hour.
            (Due::Now, _) if !is_unknown => Duration::ZERO,
            (_, None) => Duration::ZERO,
            (_, Some(next)) => {
                Duration::try_from(next.duration_since(Timestamp::now())).unwrap_or_default().min(longest)
            }
        }
    }
}

/// The contents of a message's files.
pub(super) type Read = Result<(Stored, State), SpoolError>;

/// Reads a message and the state that its journal gives it.
pub(super) fn read(spool: &Spool, id: &MessageId, has_journal: HasJournal) -> Read {
    let _loading = loading::begin(spool, id);
    let mut stored = spool.open_message(id)?;
    let state = match has_journal {
        HasJournal::Journal => Journal::peek(spool, id, stored.envelope.recipients.len())?,
        HasJournal::None => State::new(stored.envelope.recipients.len()),
    };
    stored.envelope.join(&state);
    Ok((stored, state))
}
