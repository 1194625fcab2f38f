//! How much of the spool each submitter uses: the initial count at a start, the answers for the limits, and the free
//! space of the disk. The counters are in `usage_table`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

use jiff::Timestamp;

use super::dropped::Place;
use super::failed;
use super::history;
use super::id::MessageId;
use super::queue::Spool;
use super::recovery;
use super::usage_table::{Folder, UsageTable};
use crate::mail::submitter::Submitter;
use crate::spool::SpoolError;

pub use super::usage_table::Usage;

impl Spool {
    /// What this submitter has in queue/, raw/ and failed/, as far as it was counted, and the octets of history that were
    /// written of their mail today.
    #[must_use]
    pub fn load_of(&self, submitter: &Submitter) -> Usage {
        self.usage_table().load(submitter, history::day(Timestamp::now()))
    }

    /// Counts a message of queue/ that was read, with its octets on disk and those of its journal.
    pub fn count(&self, id: &MessageId, submitter: &Submitter, octets: u64) {
        let octets = octets.saturating_add(self.journal_octets(id));
        self.usage_table().add(Folder::Queue, id.as_str(), submitter, octets);
    }

    /// The octets of a message's journal on disk.
    #[must_use]
    pub fn journal_octets(&self, id: &MessageId) -> u64 {
        fs::symlink_metadata(self.journal_path(id)).map_or(0, |journal| journal.len())
    }

    /// Counts what is in raw/ and failed/ already.
    pub fn count_rest(&self) -> Result<(), SpoolError> {
        self.count_rest_in(self.usage_table())
    }

    /// Counts raw/ and failed/ now, for a process without counters of its own.
    pub fn used_beside_the_queue(&self) -> Result<HashMap<Submitter, Usage>, SpoolError> {
        let table = UsageTable::default();
        self.count_rest_in(&table)?;
        Ok(table.into_submitters())
    }

    fn count_rest_in(&self, table: &UsageTable) -> Result<(), SpoolError> {
        for name in self.waiting_names(Place::Raw)? {
            self.count_waiting_in(table, Place::Raw, &name);
        }
        for name in self.failed()? {
            self.count_failed_in(table, &name);
        }
        Ok(())
    }

    /// Counts a file of raw/ for the uid in its name.
    pub(crate) fn count_waiting(&self, place: Place, name: &str) {
        self.count_waiting_in(self.usage_table(), place, name);
    }

    fn count_waiting_in(&self, table: &UsageTable, place: Place, name: &str) {
        let seen = fs::symlink_metadata(self.dir().join(place.folder()).join(name));
        if let (Place::Raw, Ok(seen), Some(uid)) = (place, seen, recovery::uid_in(name)) {
            table.add(Folder::Raw, name, &Submitter::Local(uid), seen.len());
        }
    }

    /// Counts a file of failed/. A file that we do not own counts for its owner. One of ours counts for the submitter
    /// in its envelope, or else for the uid in its name.
    pub(crate) fn count_failed(&self, name: &str) {
        self.count_failed_in(self.usage_table(), name);
    }

    fn count_failed_in(&self, table: &UsageTable, name: &str) {
        let Ok(seen) = fs::symlink_metadata(self.failed_path(name)) else { return };
        let is_ours = seen.uid() == rustix::process::geteuid().as_raw();
        let in_envelope =
            || failed::id_of(name).and_then(|_| Some(self.open_failed_name(name).ok()?.envelope.submitter));
        let in_name = || recovery::uid_in(name).map(Submitter::Local);
        let submitter = if is_ours { in_envelope().or_else(in_name) } else { Some(Submitter::Local(seen.uid())) };
        if let Some(submitter) = submitter {
            table.add(Folder::Failed, name, &submitter, seen.len());
        }
    }

    /// Free and total size of the file system that the spool is on.
    pub fn space(&self) -> Result<Space, SpoolError> {
        Space::of(self.dir())
    }
}

/// The size of a file system in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this user may still use.
    pub free: u64,
    /// All bytes.
    pub whole: u64,
}

impl Space {
    /// Of the file system that a directory is on, or, where it is not there yet, will be on.
    pub fn of(dir: &Path) -> Result<Self, SpoolError> {
        let mut above = dir.ancestors();
        loop {
            let Some(dir) = above.next().filter(|dir| *dir != OsStr::new("")) else {
                return Err(SpoolError::io("read the free space of", dir)(io::ErrorKind::NotFound.into()));
            };
            match fs2::statvfs(dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(SpoolError::io("read the free space of", dir)(error)),
                Ok(seen) => return Ok(Self { free: seen.available_space(), whole: seen.total_space() }),
            }
        }
    }
}

#[cfg(test)]
mod tests;
