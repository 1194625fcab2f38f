//! Messages whose record is in history while their file is still in queue/: what a crash, or a disk that would not
//! remove it, leaves of a message that has left.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::log;
use crate::spool::history::{self, Extent, Record, Trace};
use crate::spool::{Envelope, MessageId, Spool, SpoolError, state_file};

/// How far history reached when a runner ended and all that had left was gone from queue/: what comes before is never read.
const NAME: &str = "left.json";

/// What is known of them.
#[derive(Debug, Default)]
pub struct Recorded(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// What history says of those that lay in queue/ when the runner began, once that could be read.
    traces: Option<HashMap<MessageId, Trace>>,
    /// Of whom it is to be asked until then; of all, where nobody could say who was there.
    suspects: Option<HashSet<MessageId>>,
}

impl Recorded {
    /// Whether it has a record.
    pub fn has(&self, spool: &Spool, id: &MessageId) -> Result<bool, SpoolError> {
        self.trace(spool, id).map(|trace| trace.is_some())
    }

    /// Whether its record says that every recipient has it. One that came back from failed/ has a record that does not.
    pub fn has_left(&self, spool: &Spool, envelope: &Envelope) -> Result<bool, SpoolError> {
        let trace = self.trace(spool, &envelope.id)?;
        Ok(trace.is_some_and(|trace| {
            trace.is_delivered && (trace.arrived, trace.size) == (envelope.arrived, envelope.size)
        }))
    }

    /// When a runner begins, and nobody has left yet: takes out of the queue what has left it. Where history cannot be read,
    /// what lies there now waits until it can, and what comes later does not.
    pub fn see_off(&self, spool: &Spool) -> Result<(), SpoolError> {
        *self.known() = Known::default();
        let read = read(spool);
        let mut known = self.known();
        match read {
            Ok(traces) => known.traces = Some(traces),
            Err(error) => {
                known.suspects = spool.ids().ok().map(|ids| ids.into_iter().collect());
                return Err(error);
            }
        }
        let candidates: Vec<MessageId> = known.traces.iter().flatten().map(|(id, _)| id.clone()).collect();
        drop(known);
        for id in candidates {
            // What cannot be read is looked at when it is its turn.
            let Ok(stored) = spool.open_message(&id) else { continue };
            if self.has_left(spool, &stored.envelope)? {
                spool.remove(&id)?;
                log::removed(&id);
            }
        }
        self.close(spool)
    }

    /// While nobody is leaving: spares the next runner the history up to now, unless somebody may still lie in queue/ of
    /// whom it says that he has left.
    pub fn close(&self, spool: &Spool) -> Result<(), SpoolError> {
        let extent = Extent::now(spool)?;
        spool.sync_queue()?;
        let is_gone = |id: &MessageId| matches!(spool.open_message(id), Err(SpoolError::Gone(_)));
        let is_clean = match &self.known().traces {
            Some(traces) => traces.iter().all(|(id, trace)| !trace.is_delivered || is_gone(id)),
            None => false,
        };
        if is_clean { state_file::write(spool, NAME, &extent) } else { Ok(()) }
    }

    /// This record was written just now, and the message's file stays for some reason.
    pub fn add(&self, record: &Record) {
        let mut known = self.known();
        match &mut known.traces {
            Some(traces) => drop(traces.insert(record.id.clone(), Trace::from(record))),
            // It is asked of history, where it is now.
            None => drop(known.suspects.as_mut().map(|suspects| suspects.insert(record.id.clone()))),
        }
    }

    fn trace(&self, spool: &Spool, id: &MessageId) -> Result<Option<Trace>, SpoolError> {
        let mut known = self.known();
        if known.traces.is_none() {
            if known.suspects.as_ref().is_some_and(|suspects| !suspects.contains(id)) {
                return Ok(None);
            }
            known.traces = Some(read(spool)?);
        }
        Ok(known.traces.as_ref().and_then(|traces| traces.get(id).cloned()))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(spool: &Spool) -> Result<HashMap<MessageId, Trace>, SpoolError> {
    let seen: Extent = state_file::read(spool, NAME).unwrap_or_default();
    history::traces(spool, &seen, |id| spool.holds(id))
}
