//! One sync on behalf of all threads that need the same file or folder synced (group commit).
//!
//! A thread that arrives while a sync runs cannot use it, because the sync may have begun before that thread wrote.
//! All threads that arrive in the meantime share the next sync, which begins after all their writes. With many
//! workers this turns one sync per message into one per round.

use std::io;

use parking_lot::{Condvar, Mutex};

#[derive(Debug, Default)]
struct Progress {
    running: bool,
    /// Numbers of the last sync that started and of the last that ended.
    begun: u64,
    ended: u64,
    /// The last sync that failed, and its error number.
    failed: Option<(u64, Option<i32>)>,
}

/// The syncs of one file or folder.
#[derive(Debug, Default)]
pub struct SharedSync {
    state: Mutex<Progress>,
    changed: Condvar,
}

impl SharedSync {
    /// Returns once a sync that started after this call has ended. A failure is returned to every thread that waited
    /// for it, and also to threads that have not yet seen an earlier, successful end: the extra error costs a
    /// repetition, a missing one would lose data.
    pub fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state.lock();
        // The next sync to begin. The one that is running has a lower number and does not count.
        let wanted = state.begun + 1;
        // Ends if that sync has ended, or if none is running: then this thread does it, also for the others that wait.
        self.changed.wait_while(&mut state, |state| state.running && state.ended < wanted);
        if state.ended >= wanted {
            return match state.failed {
                Some((number, error)) if number >= wanted => {
                    Err(error.map_or_else(|| io::ErrorKind::Other.into(), io::Error::from_raw_os_error))
                }
                Some(_) | None => Ok(()),
            };
        }
        state.running = true;
        state.begun += 1;
        let number = state.begun;
        drop(state);
        let synced = sync();
        let mut state = self.state.lock();
        (state.running, state.ended) = (false, number);
        if let Err(error) = &synced {
            state.failed = Some((number, error.raw_os_error()));
        }
        drop(state);
        self.changed.notify_all();
        synced
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
