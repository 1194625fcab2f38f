//! The durability gate: no transaction starts while earlier outcomes are not on disk, except for a small number. It
//! also holds the request to stop, because threads that wait at the gate must notice it.
//!
//! When a relay has accepted a message and the journal cannot be written, forgetting the outcome would send the
//! message again. So the outcome stays in memory and is appended again until the disk accepts it. Meanwhile the gate
//! is shut, because every further transaction would add outcomes that only this process knows. On a full disk a
//! reserve file, large enough for some hundred outcomes, is deleted to make room.
//!
//! In normal operation the disk is only slower than the network. Up to [`MOST_AHEAD`] outcomes, none older than
//! [`LONGEST_AHEAD`], may be unsynced while the next transaction starts. This bounds the duplicates that a power cut
//! can cause.

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

use crate::deliver::smtp::interruption::Interruption;
use crate::log;
use crate::spool::journal::Journal;
use crate::spool::journal_line::Line;
use crate::spool::{Spool, SpoolError};

/// Mode of the reserve, whatever the umask: its blocks may hold old data of other files.
const PRIVATE: u32 = 0o600;
/// Size of the reserve in bytes.
const RESERVE: usize = 256 << 10;
const MOST_AHEAD: usize = 64;
const LONGEST_AHEAD: Duration = Duration::from_millis(50);
/// First pause between two attempts to append; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Whether a transaction may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// It may start now.
    Granted,
    /// It may not, because the runner is stopping.
    Stopping,
}

#[derive(Debug, Default)]
struct Progress {
    stopping: bool,
    /// Threads with outcomes that the disk refused.
    refused: usize,
    /// Outcomes not synced yet, oldest first.
    ///
    /// A transaction with fifty recipients counts as fifty, because that many duplicates are at stake.
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

/// Outcomes that are known but not on disk. Drop it once they are.
///
/// A guard rather than a call: every way in which recording can end, errors included, opens the gate again. A count
/// that stayed would shut the gate for good as soon as it is older than `LONGEST_AHEAD`, and no mail would leave.
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
    interruption: Interruption,
}

impl DurabilityGate {
    /// An open gate.
    #[must_use]
    pub fn new(spool: &Spool) -> Self {
        let (progress, changed, interruption) = (Mutex::default(), Condvar::new(), Interruption::default());
        Self { reserve: spool.dir().join("reserve"), progress, changed, interruption }
    }

    /// Creates the reserve if it is missing; for the runner only. If there is no room for it, a later call tries
    /// again.
    pub fn keep_reserve(&self) {
        let is_private = |file: &fs::Metadata| file.mode() & 0o777 == PRIVATE;
        if fs::metadata(&self.reserve).is_ok_and(|file| file.len() >= RESERVE as u64 && is_private(&file)) {
            return;
        }
        // Too short, or readable by others: made again.
        self.give_up_reserve();
        let mut options = File::options();
        options.write(true).create_new(true).mode(PRIVATE);
        // Written rather than allocated: some file systems promise space that they do not have.
        let written = options.open(&self.reserve).and_then(|mut file| {
            file.write_all(&vec![0; RESERVE])?;
            file.sync_data()
        });
        if written.is_err() {
            self.give_up_reserve();
        }
    }

    /// Deleting is the fastest way to free blocks on a full disk. It works although nothing can be written there any
    /// more.
    fn give_up_reserve(&self) {
        // If it does not exist, there is nothing to gain.
        let _ = fs::remove_file(&self.reserve);
    }

    /// Stops the runner: transactions in progress are finished, no new one starts.
    ///
    /// All waiting threads are woken: a stop must not wait for a disk that may stay full.
    pub fn stop(&self) {
        self.progress.lock().stopping = true;
        self.changed.notify_all();
        self.interruption.interrupt();
    }

    /// What a stop ends besides: the waiting of sessions that are not open yet.
    #[must_use]
    pub fn interruption(&self) -> Interruption {
        self.interruption.clone()
    }

    /// Whether the runner is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.progress.lock().stopping
    }

    /// Counts this many outcomes as known but not on disk until the guard is dropped.
    #[must_use]
    pub fn run_ahead(self: &Arc<Self>, outcomes: usize) -> UnsyncedGuard {
        let mut progress = self.progress.lock();
        progress.last_number += 1;
        let number = progress.last_number;
        progress.ahead.push_back(Ahead { number, outcomes, since: Instant::now() });
        drop(progress);
        UnsyncedGuard { gate: Arc::clone(self), number }
    }

    /// Waits until a transaction may start.
    ///
    /// The age of the oldest outcome is looked at when a thread arrives or a guard is dropped, and not by a timer.
    /// That suffices: a thread that arrives too early passes, as it may, and one that arrives too late waits for the
    /// guard.
    #[must_use]
    pub fn pass(&self) -> Permit {
        let is_shut =
            |progress: &mut Progress| (progress.refused > 0 || progress.is_too_far_ahead()) && !progress.stopping;
        let mut progress = self.progress.lock();
        self.changed.wait_while(&mut progress, is_shut);
        if progress.stopping { Permit::Stopping } else { Permit::Granted }
    }

    /// Appends outcomes that a server reported, again and again until the disk accepts them. Only a runner that is
    /// stopping gives up, after a last attempt. Then the outcomes are lost and recipients may get a duplicate.
    ///
    /// An error other than of input or output, such as a journal that is gone, would come again each time and is
    /// returned.
    pub fn append(&self, journal: &mut Journal, at: Timestamp, lines: &[Line]) -> Result<(), SpoolError> {
        let Err(error) = journal.append(at, lines) else { return Ok(()) };
        if !matches!(error, SpoolError::Io { .. }) {
            return Err(error);
        }
        log::alert(format_args!(
            "{error}; the results of deliveries are kept in memory, and no mail is sent until they are on disk"
        ));
        // Counted before the reserve is given up. Another thread that passed the gate now would use the freed blocks
        // for its own outcomes.
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
            // A timeout and a request to stop both lead to another attempt; after a request to stop it is the last
            // one.
            self.changed.wait_while_for(&mut self.progress.lock(), is_running, pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
