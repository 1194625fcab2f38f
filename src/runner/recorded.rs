//! Messages whose record is in history while their file is still in queue/: what a crash, or a disk that would not
//! remove it, leaves of a message that has left.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::events;
use crate::spool::history::{self, Extent, Record, Trace};
use crate::spool::{Envelope, MessageId, Spool, SpoolError, state_file};

/// How far history reached when a runner ended and all that had left was gone from queue/: what comes before is never read.
const NAME: &str = "left.json";

/// What is known of them; looked up when it is first asked for, which is before this runner lets a message leave.
#[derive(Debug, Default)]
pub struct Recorded(Mutex<Option<HashMap<MessageId, Trace>>>);

impl Recorded {
    /// Whether it has a record.
    pub fn has(&self, spool: &Spool, id: &MessageId) -> Result<bool, SpoolError> {
        let mut known = self.known();
        Ok(look_up(&mut known, spool)?.contains_key(id))
    }

    /// Whether its record says that every recipient has it. One that came back from failed/ has a record that does not.
    pub fn has_left(&self, spool: &Spool, envelope: &Envelope) -> Result<bool, SpoolError> {
        let mut known = self.known();
        let trace = look_up(&mut known, spool)?.get(&envelope.id);
        Ok(trace.is_some_and(|trace| {
            trace.is_delivered && (trace.arrived, trace.size) == (envelope.arrived, envelope.size)
        }))
    }

    /// Takes out of the queue what has left it.
    pub fn see_off(&self, spool: &Spool) -> Result<(), SpoolError> {
        let candidates: Vec<MessageId> = {
            let mut known = self.known();
            look_up(&mut known, spool)?.keys().cloned().collect()
        };
        for id in candidates {
            // What cannot be read is looked at when it is its turn.
            let Ok(stored) = spool.open_message(&id) else { continue };
            if self.has_left(spool, &stored.envelope)? {
                spool.remove(&id)?;
                events::removed(&id);
            }
        }
        Ok(())
    }

    /// At the end of a runner, when nobody is leaving any more: spares the next one this runner's history.
    pub fn close(&self, spool: &Spool) -> Result<(), SpoolError> {
        let extent = Extent::now(spool)?;
        spool.sync_queue()?;
        let is_there = |(id, trace): (&MessageId, &Trace)| trace.is_delivered && spool.open_message(id).is_ok();
        if self.known().iter().flatten().any(is_there) {
            return Ok(());
        }
        state_file::write(spool, NAME, &extent)
    }

    /// This record was written just now, and the message's file stays for some reason.
    pub fn add(&self, record: &Record) {
        if let Some(known) = self.known().as_mut() {
            known.insert(record.id.clone(), Trace::from(record));
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<HashMap<MessageId, Trace>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look_up<'k>(
    known: &'k mut Option<HashMap<MessageId, Trace>>,
    spool: &Spool,
) -> Result<&'k HashMap<MessageId, Trace>, SpoolError> {
    if known.is_none() {
        let seen: Extent = state_file::read(spool, NAME).unwrap_or_default();
        *known = Some(history::traces(spool, &seen, |id| spool.holds(id))?);
    }
    Ok(known.get_or_insert_default())
}
