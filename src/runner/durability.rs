//! The durability gate: no transaction begins while what earlier ones learnt is not on disk, but for a little. Also
//! here, because whoever waits at the gate must notice it: whether the runner is to end.
//!
//! When a relay has accepted a message and the journal cannot be written, sending it again is the damage, so the
//! outcome must not be lost. It stays in memory and is appended again until the disk takes it; meanwhile the gate is
//! shut, because every further transaction would add outcomes that are known to nobody but this process. A reserve
//! file of some hundred outcomes' length is deleted to make room for them on a full disk.
//!
//! In normal operation the disk is only slower than the network. Up to [`MOST_AHEAD`] outcomes, none older than
//! [`LONGEST_AHEAD`], may be on their way to it while the next transaction begins; that bounds the second copies that
//! a power cut can cause.

use std::collections::VecDeque;
use std::fs;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::{Condvar, Mutex};

use crate::log;
use crate::spool::journal::Journal;
use crate::spool::journal_line::Line;
use crate::spool::{Spool, SpoolError};

/// The reserve's mode, whatever the umask: what lies in it was on the disk before.
const PRIVATE: u32 = 0o600;
/// Octets of the reserve.
const RESERVE: usize = 256 << 10;
const MOST_AHEAD: usize = 64;
const LONGEST_AHEAD: Duration = Duration::from_millis(50);
/// Between two tries to append what the disk does not take.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Whether a transaction may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Now.
    Granted,
    /// Not any more: the runner is ending.
    Stopping,
}

#[derive(Debug, Default)]
struct Progress {
    stopping: bool,
    /// Threads that hold outcomes which the disk has refused.
    refused: usize,
    /// Outcomes on their way to the disk, oldest first.
    ahead: VecDeque<Ahead>,
    last_number: u64,
}

#[derive(Debug)]
struct Ahead {
    number: u64,
    outcomes: usize,
    since: Instant,
}

impl Progress {
    fn is_too_far_ahead(&self) -> bool {
        let outcomes: usize = self.ahead.iter().map(|ahead| ahead.outcomes).sum();
        outcomes >= MOST_AHEAD || self.ahead.front().is_some_and(|oldest| oldest.since.elapsed() >= LONGEST_AHEAD)
    }
}

/// Outcomes that are known and not yet on disk. Dropped once they are.
#[derive(Debug)]
pub struct UnsyncedGuard {
    gate: Arc<DurabilityGate>,
    number: u64,
}

impl Drop for UnsyncedGuard {
    fn drop(&mut self) {
        self.gate.progress.lock().ahead.retain(|ahead| ahead.number != self.number);
        self.gate.changed.notify_all();
    }
}

/// Shared by all threads of the runner.
#[derive(Debug)]
pub struct DurabilityGate {
    reserve: PathBuf,
    progress: Mutex<Progress>,
    changed: Condvar,
}

impl DurabilityGate {
    /// An open gate.
    #[must_use]
    pub fn new(spool: &Spool) -> Self {
        Self { reserve: spool.dir().join("reserve"), progress: Mutex::default(), changed: Condvar::new() }
    }

    /// Creates the reserve unless it is there; only the runner does. Without room for it nothing happens: it is tried
    /// again later.
    pub fn keep_reserve(&self) {
        let is_private = |file: &fs::Metadata| file.mode() & 0o777 == PRIVATE;
        if fs::metadata(&self.reserve).is_ok_and(|file| file.len() >= RESERVE as u64 && is_private(&file)) {
            return;
        }
        self.give_up_reserve();
        let mut options = File::options();
        options.write(true).create_new(true).mode(PRIVATE);
        // Written, not only allocated: some file systems promise room that they do not have.
        let written = options.open(&self.reserve).and_then(|mut file| {
            file.write_all(&vec![0; RESERVE])?;
            file.sync_data()
        });
        if written.is_err() {
            self.give_up_reserve();
        }
    }

    fn give_up_reserve(&self) {
        // One that was never there makes no room either.
        let _ = fs::remove_file(&self.reserve);
    }

    /// Has the runner end: transactions in progress are finished, none begins.
    pub fn stop(&self) {
        self.progress.lock().stopping = true;
        self.changed.notify_all();
    }

    /// Whether the runner is to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.progress.lock().stopping
    }

    /// Counts so many outcomes as known and not yet on disk, until the guard is dropped.
    #[must_use]
    pub fn run_ahead(self: &Arc<Self>, outcomes: usize) -> UnsyncedGuard {
        let mut progress = self.progress.lock();
        progress.last_number += 1;
        let number = progress.last_number;
        progress.ahead.push_back(Ahead { number, outcomes, since: Instant::now() });
        drop(progress);
        UnsyncedGuard { gate: Arc::clone(self), number }
    }

    /// Waits until another transaction may begin.
    #[must_use]
    pub fn pass(&self) -> Permit {
        let is_shut =
            |progress: &mut Progress| (progress.refused > 0 || progress.is_too_far_ahead()) && !progress.stopping;
        let mut progress = self.progress.lock();
        self.changed.wait_while(&mut progress, is_shut);
        if progress.stopping { Permit::Stopping } else { Permit::Granted }
    }

    /// Appends what was learnt from a server. What the disk does not take is appended again until it does. Only a
    /// runner that is to end gives up after a last try: then the outcomes are lost, and their recipients may get a
    /// second copy.
    pub fn append(&self, journal: &mut Journal, at: Timestamp, lines: &[Line]) -> Result<(), SpoolError> {
        let Err(error) = journal.append(at, lines) else { return Ok(()) };
        if !matches!(error, SpoolError::Io { .. }) {
            return Err(error);
        }
        log::alert(format_args!(
            "{error}; the results of deliveries are kept in memory, and no mail is sent until they are on disk"
        ));
        self.progress.lock().refused += 1;
        self.give_up_reserve();
        let appended = self.append_again(journal, at, lines);
        self.progress.lock().refused -= 1;
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
            let is_running = |progress: &mut Progress| !progress.stopping;
            // A timeout and a request to stop both lead to another try, which the latter makes the last.
            self.changed.wait_while_for(&mut self.progress.lock(), is_running, pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
