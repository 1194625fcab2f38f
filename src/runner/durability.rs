//! What must not be lost once it is known: outcomes that the disk does not take are kept
//! in memory and appended again until it does, and no new transaction begins meanwhile.
//! A small reserve file is given up for them. Also here: whether the runner is to end.

use std::collections::VecDeque;
use std::fs;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::log;
use crate::spool::journal::{Journal, Line};
use crate::spool::{Spool, SpoolError};

/// Octets of the reserve: some hundred outcomes.
const RESERVE: usize = 256 << 10;
/// Outcomes that may be on their way to the disk while another transaction begins, and for how long.
const MOST_AHEAD: usize = 64;
const LONGEST_AHEAD: Duration = Duration::from_millis(50);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How the runner stands.
#[derive(Debug, Default)]
struct State {
    stopping: bool,
    /// Sessions with outcomes that the disk does not take.
    unsaved: usize,
    /// Outcomes on their way to the disk: a number, how many, since when; oldest first.
    ahead: VecDeque<(u64, usize, Instant)>,
    given: u64,
}

impl State {
    /// Whether no other transaction may begin before some outcome is on disk.
    fn is_too_far_ahead(&self) -> bool {
        let outcomes: usize = self.ahead.iter().map(|(_, outcomes, _)| outcomes).sum();
        outcomes >= MOST_AHEAD || self.ahead.front().is_some_and(|(_, _, since)| since.elapsed() >= LONGEST_AHEAD)
    }
}

/// Outcomes that are known and not yet on disk; dropped when they are.
#[derive(Debug)]
pub struct UnsyncedGuard {
    safety: Arc<DurabilityGate>,
    number: u64,
}

impl Drop for UnsyncedGuard {
    fn drop(&mut self) {
        self.safety.state().ahead.retain(|(number, ..)| *number != self.number);
        self.safety.changed.notify_all();
    }
}

/// Shared by the runner's threads.
#[derive(Debug)]
pub struct DurabilityGate {
    reserve: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

impl DurabilityGate {
    /// Nothing unsaved, not stopping.
    #[must_use]
    pub fn new(spool: &Spool) -> Self {
        Self { reserve: spool.dir().join("reserve"), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Sets the reserve aside, if there is none; only the runner does. Without room for it, later.
    pub fn keep_reserve(&self) {
        if fs::metadata(&self.reserve).is_ok_and(|file| file.len() >= RESERVE as u64) {
            return;
        }
        // Written, not only allocated: some file systems promise room that they do not have.
        let written = File::create(&self.reserve).and_then(|mut file| {
            file.write_all(&vec![0; RESERVE])?;
            file.sync_data()
        });
        if written.is_err() {
            self.give_up_reserve();
        }
    }

    fn give_up_reserve(&self) {
        // One that is not there helps nobody either way.
        let _ = fs::remove_file(&self.reserve);
    }

    /// The runner is to end.
    pub fn stop(&self) {
        self.state().stopping = true;
        self.changed.notify_all();
    }

    /// Whether the runner is to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.state().stopping
    }

    /// Counts so many outcomes as known and not yet on disk.
    #[must_use]
    pub fn ahead(self: &Arc<Self>, outcomes: usize) -> UnsyncedGuard {
        let mut state = self.state();
        state.given += 1;
        let number = state.given;
        state.ahead.push_back((number, outcomes, Instant::now()));
        drop(state);
        UnsyncedGuard { safety: Arc::clone(self), number }
    }

    /// Waits until the outcomes that are known are on disk, but for a few that are on their way; false where the runner
    /// is to end instead.
    #[must_use]
    pub fn may_begin(&self) -> bool {
        let waiting = |state: &mut State| (state.unsaved > 0 || state.is_too_far_ahead()) && !state.stopping;
        let state = self.changed.wait_while(self.state(), waiting).unwrap_or_else(PoisonError::into_inner);
        !state.stopping
    }

    /// Appends what was learnt from a server. What the disk does not take is tried again until it does, or
    /// until the runner is to end: then it is lost, and its recipients may get a second copy.
    pub fn append(&self, journal: &mut Journal, at: Timestamp, lines: &[Line]) -> Result<(), SpoolError> {
        let Err(error) = journal.append(at, lines) else { return Ok(()) };
        if !matches!(error, SpoolError::Io { .. }) {
            return Err(error);
        }
        log::alert(format_args!(
            "{error}; the results of deliveries are kept in memory, and no mail is sent until they are on disk"
        ));
        self.state().unsaved += 1;
        self.give_up_reserve();
        let appended = self.append_again(journal, at, lines);
        self.state().unsaved -= 1;
        self.changed.notify_all();
        if appended.is_ok() {
            log::recovered("the spool is writable again");
            self.keep_reserve();
        }
        appended
    }

    fn append_again(&self, journal: &mut Journal, at: Timestamp, lines: &[Line]) -> Result<(), SpoolError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let is_last = self.is_stopping();
            match journal.append(at, lines) {
                Err(SpoolError::Io { .. }) if !is_last => {}
                other => return other,
            }
            let stopping = |state: &mut State| !state.stopping;
            // Whether it ended by time or by the wish to stop shows itself above.
            drop(self.changed.wait_timeout_while(self.state(), pause, stopping));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
