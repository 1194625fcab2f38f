//! Messages and octets per submitter in queue/, raw/ and failed/, journals included, and the octets of history that were
//! written of them today: a plain table in memory, without I/O. Every function that
//! makes, moves or removes a file there tells it, so that a limit is checked without counting files.
//!
//! The numbers decide about limits and nothing else. An error in them refuses or admits a message too many, and the
//! next start counts again from the files. A file that is announced twice, as by the thread that stored it and by the
//! scan that found it, is counted once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use jiff::civil::Date;
use parking_lot::Mutex;

use crate::mail::submitter::Submitter;

/// The folders that are counted. drop/ has its own limits, which the drop program enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Folder {
    Queue,
    Raw,
    Failed,
}

/// What one submitter uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Messages, including files that did not become one.
    pub messages: u64,
    /// Size of their files in bytes.
    pub octets: u64,
}

/// The counters of all submitters. Files are identified by a hash of their name, to keep the table small with a
/// hundred thousand messages.
#[derive(Debug, Default)]
pub(crate) struct UsageTable {
    hasher: RandomState,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    files: HashMap<u64, (Submitter, u64)>,
    submitters: HashMap<Submitter, Usage>,
    /// Octets of history, of this day.
    recorded: (Date, HashMap<Submitter, u64>),
}

impl UsageTable {
    /// Adds a file. A file that is already known is counted once.
    pub(crate) fn add(&self, folder: Folder, name: &str, submitter: &Submitter, octets: u64) {
        let key = self.key(folder, name);
        self.change(|counted| {
            counted.take(key);
            counted.add(key, submitter, octets);
        });
    }

    /// Adds a file unless it is already known. Returns whether it was added.
    pub(crate) fn add_new(&self, folder: Folder, name: &str, submitter: &Submitter, octets: u64) -> bool {
        let key = self.key(folder, name);
        self.change(|counted| {
            let is_new = !counted.files.contains_key(&key);
            if is_new {
                counted.add(key, submitter, octets);
            }
            is_new
        })
    }

    /// So many octets have been written for it, if it is known.
    pub(crate) fn grow(&self, folder: Folder, name: &str, octets: u64) {
        let key = self.key(folder, name);
        self.change(|counted| counted.grow(key, octets));
    }

    /// So many octets of this day's history are about mail of this submitter's.
    pub(crate) fn record(&self, day: Date, submitter: &Submitter, octets: u64) {
        self.change(|counted| {
            if counted.recorded.0 != day {
                counted.recorded = (day, HashMap::new());
            }
            let of_one = counted.recorded.1.entry(submitter.clone()).or_default();
            *of_one = of_one.saturating_add(octets);
        });
    }

    /// It is gone.
    pub(crate) fn take(&self, folder: Folder, name: &str) {
        let key = self.key(folder, name);
        self.change(|counted| counted.take(key));
    }

    /// Renames a file.
    pub(crate) fn rename(&self, from: (Folder, &str), to: (Folder, &str)) {
        let (from, to) = (self.key(from.0, from.1), self.key(to.0, to.1));
        self.change(|counted| {
            if let Some((submitter, octets)) = counted.take(from) {
                counted.take(to);
                counted.add(to, &submitter, octets);
            }
        });
    }

    /// What a submitter has, and what was recorded today.
    pub(super) fn load(&self, submitter: &Submitter, today: Date) -> Usage {
        self.change(|counted| {
            let Usage { messages, octets } = counted.submitters.get(submitter).copied().unwrap_or_default();
            let (day, recorded) = &counted.recorded;
            let recorded = recorded.get(submitter).copied().filter(|_| *day == today).unwrap_or_default();
            Usage { messages, octets: octets.saturating_add(recorded) }
        })
    }

    pub(super) fn into_submitters(self) -> HashMap<Submitter, Usage> {
        self.counted.into_inner().submitters
    }

    fn key(&self, folder: Folder, name: &str) -> u64 {
        self.hasher.hash_one((folder, name))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Counted) -> T) -> T {
        change(&mut self.counted.lock())
    }
}

impl Counted {
    fn add(&mut self, key: u64, submitter: &Submitter, octets: u64) {
        self.files.insert(key, (submitter.clone(), octets));
        let load = self.submitters.entry(submitter.clone()).or_default();
        load.messages += 1;
        load.octets = load.octets.saturating_add(octets);
    }

    fn grow(&mut self, key: u64, octets: u64) {
        let Some((submitter, known)) = self.files.get_mut(&key) else { return };
        *known = known.saturating_add(octets);
        if let Some(load) = self.submitters.get_mut(submitter) {
            load.octets = load.octets.saturating_add(octets);
        }
    }

    fn take(&mut self, key: u64) -> Option<(Submitter, u64)> {
        let (submitter, octets) = self.files.remove(&key)?;
        if let Some(load) = self.submitters.get_mut(&submitter) {
            load.messages = load.messages.saturating_sub(1);
            load.octets = load.octets.saturating_sub(octets);
            if load.messages == 0 {
                self.submitters.remove(&submitter);
            }
        }
        Some((submitter, octets))
    }
}
