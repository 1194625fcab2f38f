//! How messages come into the runner's schedule: from queue/, from inotify, and anew when
//! the config has changed. What is no message is set aside with its reason; what cannot
//! be read now is tried again later.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::event_loop::QueueManager;
use super::round_robin::Origin;
use super::scheduler::later;
use crate::control::loaded::Loaded;
use crate::log;
use crate::mail::outcome::Status;
use crate::rules::retry;
use crate::runner::completion::dsn;
use crate::runner::{context, message};
use crate::spool::journal::Journal;
use crate::spool::queue::HasJournal;
use crate::spool::state::State;
use crate::spool::{Envelope, MessageId, SpoolError};

/// When a message that is taken in is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// When its journal says.
    AsRecorded,
    /// Now, unless nobody knows what became of its last attempt.
    Now,
}

/// Messages that are read at once when the queue is scanned: so many envelopes are in memory together.
const BATCH: usize = 1000;

impl QueueManager {
    /// Reads queue/ and takes in what is not known yet.
    pub(crate) fn rescan(&mut self) -> Result<(), SpoolError> {
        self.rescanned = self.now();
        let mut unknown = self.loaded.spool.listing()?;
        unknown.retain(|(id, _)| !self.schedule.contains(id) && !self.is_held_back(id));
        for batch in unknown.chunks(BATCH) {
            let loaded = Arc::clone(&self.loaded);
            for (id, read) in read_batch(&loaded, batch) {
                self.enqueue(id, read, Due::AsRecorded);
            }
        }
        Ok(())
    }

    /// The same; a queue that cannot be listed now is listed later.
    pub(crate) fn rescan_or_later(&mut self) {
        if let Err(error) = self.rescan() {
            log::warning(format_args!("{error}; trying again later"));
        }
    }

    /// Whether its submission might come again, should the runner be killed now.
    fn is_held_back(&self, id: &MessageId) -> bool {
        self.intake.as_ref().is_some_and(|intake| intake.is_held(id))
    }

    pub(crate) fn load(&mut self, id: MessageId) {
        self.load_due(id, Due::AsRecorded);
    }

    fn load_due(&mut self, id: MessageId, due: Due) {
        if self.schedule.contains(&id) || self.is_held_back(&id) {
            return;
        }
        let read = read(&self.loaded, &id, HasJournal::Journal);
        self.enqueue(id, read, due);
    }

    /// Puts a message that was read where it belongs.
    fn enqueue(&mut self, id: MessageId, read: Read, due: Due) {
        if let Ok((envelope, _)) = &read {
            self.loaded.spool.count(&id, envelope.uid, envelope.octets());
            if let Some(intake) = &self.intake {
                intake.tokens.remember(envelope.uid, &envelope.token, &id);
            }
        }
        match read {
            Ok((_, state)) if state.held && !state.done => {}
            Ok((envelope, state)) => {
                self.mark_digest(&envelope);
                if let Some(owes) = dsn::owes(&self.loaded.config, &self.context.report_limit, &envelope, &state) {
                    self.owe_digest(&id, owes);
                    if state.waits_for_digest() {
                        return;
                    }
                }
                let account = self.loaded.account_of(&envelope);
                let origin = Origin::of(envelope.uid, &envelope.sender.to_string());
                let due = later(self.now(), self.wait_of(&state, due));
                self.schedule.add(id, &account, origin, due);
            }
            Err(SpoolError::Gone(_)) => {}
            Err(error) => {
                let aside = match &error {
                    SpoolError::Damaged { .. } => message::set_aside(&self.loaded.spool, &id, &error),
                    _ => Err(error),
                };
                if let Err(error) = aside {
                    log::warning(format_args!("{id}: {error}; trying again later"));
                    let due = later(self.now(), self.loaded.config.queue.retry_min);
                    self.schedule.add(id, "", Origin::default(), due);
                }
            }
        }
    }

    /// The journal has the wall's time, which may have jumped since: no wait is longer than one that is ever set.
    fn wait_of(&self, state: &State, due: Due) -> Duration {
        let is_unknown = state.outcomes.iter().flatten().any(|outcome| outcome.status == Status::Unknown);
        let longest = self.loaded.config.queue.retry_max.mul_f64(1.1);
        let longest = if is_unknown { longest.max(retry::AFTER_UNKNOWN) } else { longest };
        match (due, state.next) {
            (Due::Now, _) if !is_unknown => Duration::ZERO,
            (_, None) => Duration::ZERO,
            (_, Some(next)) => {
                Duration::try_from(next.duration_since(Timestamp::now())).unwrap_or_default().min(longest)
            }
        }
    }

    pub(crate) fn reload_if_changed(&mut self) {
        if self.loaded.has_changed() {
            self.reload();
        }
        self.loaded.refresh();
    }

    pub(crate) fn reload(&mut self) {
        match self.loaded.reload() {
            Ok(loaded) => {
                log::reloaded(loaded.config.path.display());
                self.adopt(loaded);
            }
            Err(error) => {
                log::warning(format_args!("cannot reload the configuration, keeping the old one: {error}"));
            }
        }
    }

    /// New loaded: every waiting message is routed anew and due at once; sessions in worker finish with the old ones.
    fn adopt(&mut self, loaded: Loaded) {
        self.loaded = context::with_tables(loaded);
        if let Some(intake) = &self.intake {
            intake.adopt(&self.loaded);
        }
        if let Some(files) = &self.files {
            files.watch(&self.loaded.files());
        }
        self.end_backoffs();
        self.reschedule_all();
    }

    /// A file that an account or a table needs was written: what waited for it may go.
    pub(crate) fn on_files_changed(&mut self) {
        if let Some(nudge) = &self.nudge {
            // Pickup runs as long as the loop does.
            let _ = nudge.send(());
        }
        let before = Arc::clone(&self.loaded);
        self.reload_if_changed();
        if Arc::ptr_eq(&before, &self.loaded) {
            self.end_backoffs();
            self.reschedule_all();
        }
        let settles = self.loaded.generic().settles_in();
        self.tables_settle = settles.map(|wait| later(self.now(), wait));
    }

    /// What waits for a row of a table that was being written goes as soon as that may be read.
    pub(crate) fn reread_settled_tables(&mut self, now: Timestamp) {
        if self.tables_settle.take_if(|at| *at <= now).is_some() {
            self.on_files_changed();
        }
    }

    fn reschedule_all(&mut self) {
        for id in self.schedule.idle() {
            self.schedule.remove(&id);
            self.load_due(id, Due::Now);
        }
    }
}

/// What a message's files say.
type Read = Result<(Envelope, State), SpoolError>;

fn read(loaded: &Loaded, id: &MessageId, trail: HasJournal) -> Read {
    let mut envelope = loaded.spool.open_message(id)?.envelope;
    let state = match trail {
        HasJournal::Journal => Journal::peek(&loaded.spool, id, envelope.recipients.len())?,
        HasJournal::None => State::new(envelope.recipients.len()),
    };
    envelope.join(&state);
    Ok((envelope, state))
}

/// Reads these, in their order; many of them on all processors.
fn read_batch(loaded: &Loaded, batch: &[(MessageId, HasJournal)]) -> Vec<(MessageId, Read)> {
    let one = |(id, trail): &(MessageId, HasJournal)| (id.clone(), read(loaded, id, *trail));
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    if batch.len() < BATCH || workers == 1 {
        return batch.iter().map(one).collect();
    }
    std::thread::scope(|scope| {
        let part = |part: &'_ [(MessageId, HasJournal)]| part.iter().map(one).collect::<Vec<_>>();
        let parts = batch.chunks(batch.len().div_ceil(workers));
        let threads: Vec<_> = parts.map(|of| (of, scope.spawn(move || part(of)))).collect();
        // A thread that panicked has read nothing.
        threads.into_iter().flat_map(|(of, thread)| thread.join().unwrap_or_else(|_| part(of))).collect()
    })
}
