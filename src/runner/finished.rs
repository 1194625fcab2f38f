//! Messages that are finished although their file is still in queue/: history has their record, and a crash, or a
//! disk that could not unlink the file, left it.
//!
//! A message that every recipient got at the first attempt has no journal (`completion::batch_finish`), so only its
//! record in history shows that it must not be sent again. A new runner therefore reads history, but only what was
//! written since the last runner ended cleanly: spool/left.json has the length that history had at a moment when no
//! finished message was left in queue/. If files were put back there since, it reads all of history. If history cannot
//! be read, the messages in queue/ at the start are *unchecked*: each waits until history can be read. Later messages
//! cannot have been finished by an earlier runner and are sent.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use parking_lot::Mutex;

use crate::log;
use crate::spool::history::{self, Extent, Record, Trace, Whose};
use crate::spool::journal::Journal;
use crate::spool::state::State;
use crate::spool::{Envelope, MessageId, Spool, SpoolError, state_file};

/// The length of history when a runner ended cleanly.
const NAME: &str = "left.json";

/// What history says about a message in queue/.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordStatus {
    /// It must be attempted.
    Open,
    /// Its record shows that every recipient has it.
    Finished,
    /// Another message with the same id was finished. A report could not say which of the two it describes.
    SharesId,
}

/// The records of messages that are still in queue/.
#[derive(Debug)]
pub struct FinishedMessages {
    spool: Spool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The records of messages that were in queue/ when the runner started. `None` until history has been read.
    traces: Option<HashMap<MessageId, Trace>>,
    /// The messages to look up once history can be read; `None` means all, because queue/ could not be listed.
    unchecked: Option<HashSet<MessageId>>,
}

impl FinishedMessages {
    /// Reads nothing before [`FinishedMessages::remove_finished`] or the first query.
    #[must_use]
    pub fn new(spool: Spool) -> Self {
        Self { spool, known: Mutex::default() }
    }

    /// Whether history has a record of the message.
    pub fn has_record(&self, id: &MessageId) -> Result<bool, SpoolError> {
        self.trace(id).map(|trace| trace.is_some())
    }

    /// What history says about a message, given the state of its journal. A journal with unfinished recipients
    /// overrules a record: a message brought back from failed/ under its old id has both.
    pub fn record_status(&self, envelope: &Envelope, state: &State) -> Result<RecordStatus, SpoolError> {
        Ok(match self.trace(&envelope.id)? {
            None => RecordStatus::Open,
            Some(trace) => match trace.whose(envelope) {
                Whose::Anothers => RecordStatus::SharesId,
                Whose::Its if trace.is_delivered && !contradicts(state) => RecordStatus::Finished,
                Whose::Its => RecordStatus::Open,
            },
        })
    }

    /// Removes finished messages from queue/. Called at the start, before anything is attempted.
    pub fn remove_finished(&self) -> Result<(), SpoolError> {
        *self.known.lock() = Known::default();
        let read = read(&self.spool);
        let mut known = self.known.lock();
        match read {
            Ok(traces) => known.traces = Some(traces),
            Err(error) => {
                known.unchecked = self.spool.ids().ok().map(|ids| ids.into_iter().collect());
                return Err(error);
            }
        }
        let candidates: Vec<MessageId> = known.traces.iter().flatten().map(|(id, _)| id.clone()).collect();
        drop(known);
        for id in candidates {
            // An unreadable message is handled when it is attempted.
            let Ok(stored) = self.spool.open_message(&id) else { continue };
            let Ok(state) = Journal::peek(&self.spool, &id, stored.envelope.recipients.len()) else { continue };
            if self.record_status(&stored.envelope, &state)? == RecordStatus::Finished {
                self.spool.remove(&id)?;
                log::removed_as_delivered(&id);
            }
        }
        self.save_extent()
    }

    /// Stores the current length of history, so that the next runner need not read it, unless a finished message may
    /// still be in queue/. Must not run while messages are being finished.
    pub fn save_extent(&self) -> Result<(), SpoolError> {
        let extent = Extent::now(&self.spool)?;
        self.spool.sync_queue()?;
        let is_gone = |id: &MessageId| matches!(self.spool.open_message(id), Err(SpoolError::Gone(_)));
        let is_clean = match &self.known.lock().traces {
            Some(traces) => traces.iter().all(|(id, trace)| !trace.is_delivered || is_gone(id)),
            None => false,
        };
        if is_clean { state_file::write(&self.spool, NAME, &extent) } else { Ok(()) }
    }

    /// Adds a record that was just written for a message whose file could not be removed.
    pub fn add(&self, record: &Record) {
        let mut known = self.known.lock();
        match &mut known.traces {
            Some(traces) => drop(traces.insert(record.id.clone(), Trace::from(record))),
            // It is in history, which will be read.
            None => drop(known.unchecked.as_mut().map(|unchecked| unchecked.insert(record.id.clone()))),
        }
    }

    fn trace(&self, id: &MessageId) -> Result<Option<Trace>, SpoolError> {
        let mut known = self.known.lock();
        if known.traces.is_none() {
            if known.unchecked.as_ref().is_some_and(|unchecked| !unchecked.contains(id)) {
                return Ok(None);
            }
            known.traces = Some(read(&self.spool)?);
        }
        Ok(known.traces.as_ref().and_then(|traces| traces.get(id).cloned()))
    }
}

/// Whether the journal has recipients that still need the message.
fn contradicts(state: &State) -> bool {
    let is_written = state.attempts > 0 || state.outcomes().next().is_some();
    is_written && !state.done && !state.pending().is_empty()
}

fn read(spool: &Spool) -> Result<HashMap<MessageId, Trace>, SpoolError> {
    let mut seen: Extent = state_file::read(spool, NAME).unwrap_or_default();
    if has_come_back(spool)? {
        seen = Extent::default();
    }
    history::traces(spool, &seen, |id| spool.holds(id))
}

/// Whether queue/ holds a message from before the last clean end whose file was put there after it, as a copied or restored folder
/// does. All of history counts for it.
fn has_come_back(spool: &Spool) -> Result<bool, SpoolError> {
    let Ok(left) = fs::metadata(spool.dir().join(NAME)) else { return Ok(false) };
    let changed = |of: &fs::Metadata| (of.ctime(), of.ctime_nsec());
    let is_older = |id: &MessageId| {
        let arrived = Duration::from_micros(id.micros());
        i64::try_from(arrived.as_secs())
            .is_ok_and(|seconds| (seconds, i64::from(arrived.subsec_nanos())) < changed(&left))
    };
    let was_put_there = |id: &MessageId| {
        let file = spool.dir().join("queue").join(id.as_str());
        fs::metadata(file).is_ok_and(|file| changed(&file) > changed(&left))
    };
    Ok(spool.ids()?.iter().any(|id| is_older(id) && was_put_there(id)))
}
