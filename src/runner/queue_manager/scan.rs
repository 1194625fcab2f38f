//! How messages come into the schedule: from queue/ as a whole, one by one as they appear there, and again when the
//! config has changed. What is not a message is set aside with its reason; what cannot be read now is read later.

use std::time::Duration;

use jiff::Timestamp;

use super::round_robin::Origin;
use super::scheduler::later;
use super::state::QueueState;
use crate::log;
use crate::mail::outcome::Status;
use crate::rules::retry;
use crate::runner::completion::dsn;
use crate::runner::message;
use crate::spool::journal::Journal;
use crate::spool::queue::HasJournal;
use crate::spool::state::State;
use crate::spool::{Envelope, MessageId, Spool, SpoolError};

/// When a message that is loaded is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// When its journal says.
    AsRecorded,
    /// Now, unless the outcome of its last attempt is unknown: another one may deliver a second copy.
    Now,
}

/// Messages that are read together when queue/ is scanned: so many envelopes are in memory at once.
const BATCH: usize = 1000;

impl QueueState {
    /// Reads queue/ and loads what is not known yet.
    pub(super) fn rescan(&mut self) -> Result<(), SpoolError> {
        self.scan_timer.restart(self.now());
        let mut unknown = self.loaded.spool.listing()?;
        unknown.retain(|(id, _)| !self.schedule.contains(id) && !self.intake.is_held(id));
        for batch in unknown.chunks(BATCH) {
            for (id, read) in read_batch(&self.loaded.spool, batch) {
                self.enqueue(id, read, Due::AsRecorded);
            }
        }
        Ok(())
    }

    /// The same; a queue/ that cannot be listed now is listed later.
    pub(super) fn rescan_or_later(&mut self) {
        if let Err(error) = self.rescan() {
            log::warning(format_args!("{error}; trying again later"));
        }
    }

    /// Loads a message that has appeared in queue/.
    pub(super) fn load(&mut self, id: MessageId) {
        self.load_due(id, Due::AsRecorded);
    }

    /// Loads a message; a known one stays as it is.
    pub(super) fn load_due(&mut self, id: MessageId, due: Due) {
        if self.schedule.contains(&id) || self.intake.is_held(&id) {
            return;
        }
        let read = read(&self.loaded.spool, &id, HasJournal::Journal);
        self.enqueue(id, read, due);
    }

    /// Puts a message that was read where it belongs: into the schedule, among those that wait for a digest, or aside.
    fn enqueue(&mut self, id: MessageId, read: Read, due: Due) {
        match read {
            Ok((envelope, state)) => self.enqueue_message(id, &envelope, &state, due),
            Err(SpoolError::Gone(_)) => {}
            Err(error) => {
                let set_aside = match &error {
                    SpoolError::Damaged { .. } => message::set_aside(&self.loaded.spool, &id, &error),
                    _ => Err(error),
                };
                if let Err(error) = set_aside {
                    log::warning(format_args!("{id}: {error}; trying again later"));
                    let due = self.soon();
                    self.schedule.add(id, "", Origin::default(), due);
                }
            }
        }
    }

    fn enqueue_message(&mut self, id: MessageId, envelope: &Envelope, state: &State, due: Due) {
        self.loaded.spool.count(&id, envelope.uid, envelope.octets());
        self.intake.remember(envelope);
        if state.held && !state.done {
            return;
        }
        self.mark_reported(envelope);
        if let Some(owes) = dsn::owes(&self.loaded.config, &self.report_limit, envelope, state) {
            self.owe_digest(&id, owes);
            if state.waits_for_digest() {
                return;
            }
        }
        let account = self.loaded.account_of(envelope);
        let origin = Origin::of(envelope.uid, &envelope.sender.to_string());
        let due = later(self.now(), self.wait_of(state, due));
        self.schedule.add(id, &account, origin, due);
    }

    /// How long until the message is due. Its journal has the wall's time, which may have jumped since: no wait is
    /// longer than one that is ever set.
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
}

/// What a message's files say.
type Read = Result<(Envelope, State), SpoolError>;

fn read(spool: &Spool, id: &MessageId, has_journal: HasJournal) -> Read {
    let mut envelope = spool.open_message(id)?.envelope;
    let state = match has_journal {
        HasJournal::Journal => Journal::peek(spool, id, envelope.recipients.len())?,
        HasJournal::None => State::new(envelope.recipients.len()),
    };
    envelope.join(&state);
    Ok((envelope, state))
}

/// Reads these messages, in their order. A full batch is read on several processors: a runner that starts with a
/// hundred thousand messages waits for the disk, not for JSON.
fn read_batch(spool: &Spool, batch: &[(MessageId, HasJournal)]) -> Vec<(MessageId, Read)> {
    let one = |(id, has_journal): &(MessageId, HasJournal)| (id.clone(), read(spool, id, *has_journal));
    let processors = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    if batch.len() < BATCH || processors == 1 {
        return batch.iter().map(one).collect();
    }
    std::thread::scope(|scope| {
        let part = |part: &'_ [(MessageId, HasJournal)]| part.iter().map(one).collect::<Vec<_>>();
        let parts = batch.chunks(batch.len().div_ceil(processors));
        let threads: Vec<_> = parts.map(|of| (of, scope.spawn(move || part(of)))).collect();
        // A thread that panicked has read nothing.
        threads.into_iter().flat_map(|(of, thread)| thread.join().unwrap_or_else(|_| part(of))).collect()
    })
}
