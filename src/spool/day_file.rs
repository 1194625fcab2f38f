//! What one process knows of a file of history/ while it appends to it: one writer at a time, syncs that are
//! shared, and whether the file's name is on disk. Lines and their meaning are `history`'s.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::shared_sync::SharedSync;

/// One day's file.
#[derive(Debug, Default)]
pub(super) struct DayFile {
    writer: Mutex<()>,
    syncs: SharedSync,
    /// A file whose name was never synced may be gone after a power cut, whatever was synced in it.
    is_named: AtomicBool,
}

impl DayFile {
    /// Runs `write` while no other thread writes: lines of two threads must not run into one another.
    pub(super) fn write_alone<T>(&self, write: impl FnOnce() -> T) -> T {
        let _alone = self.writer.lock();
        write()
    }

    /// Syncs what was written, together with what other threads wrote meanwhile.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        self.syncs.sync(|| file.sync_data())
    }

    /// Runs `sync_folder` until it has succeeded once. The file may be there without its name being on disk: whatever
    /// created it may have ended before that.
    pub(super) fn sync_name(&self, sync_folder: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if !self.is_named.load(Ordering::Acquire) {
            sync_folder()?;
            self.is_named.store(true, Ordering::Release);
        }
        Ok(())
    }
}
