//! One sync for all threads that want the same file or folder synced at the same time: whoever comes while one runs
//! waits for the next, which begins after everything that these have written.

use std::io;

use parking_lot::{Condvar, Mutex};

#[derive(Debug, Default)]
struct Progress {
    running: bool,
    /// Number of the last sync that was begun, and of the last that ended.
    begun: u64,
    ended: u64,
    /// The last that failed, and with which error of the system.
    failed: Option<(u64, Option<i32>)>,
}

/// The syncs of one file or folder.
#[derive(Debug, Default)]
pub struct SharedSync {
    state: Mutex<Progress>,
    changed: Condvar,
}

impl SharedSync {
    /// Returns when a sync that was begun after this call has ended. A failure is everybody's who waited for it, and of
    /// those who are still to learn of an earlier end: to be told of one too many costs a repetition.
    pub fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state.lock();
        let wanted = state.begun + 1;
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
