//! What this process knows about a file of history/ while it appends to it: one writer at a time, shared syncs, and
//! whether the file's name is on disk. The lines and their meaning are in `history`.

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
    /// Whether the directory was synced after the file was created. Without that, a power cut may remove the file
    /// together with everything synced into it.
    is_named: AtomicBool,
}

impl DayFile {
    /// Runs `write` while no other thread writes, so that the lines of two threads do not interleave.
    pub(super) fn write_alone<T>(&self, write: impl FnOnce() -> T) -> T {
        let _alone = self.writer.lock();
        write()
    }

    /// Syncs what was written. Threads that arrive while a sync runs share the next one.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        self.syncs.sync(|| file.sync_data())
    }

    /// Runs `sync_folder` until it has succeeded once. Even a file that exists may lack its name on disk: the process
    /// that created it may have been killed before its sync.
    pub(super) fn sync_name(&self, sync_folder: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if !self.is_named.load(Ordering::Acquire) {
            sync_folder()?;
            self.is_named.store(true, Ordering::Release);
        }
        Ok(())
    }
}
