//! A file without a name that disappears with the process: on disk if possible, otherwise in memory.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, MemfdFlags, Mode, OFlags};

/// Folders to create it in. A missing or read-only folder is skipped.
const FOLDERS: [&str; 2] = ["/var/tmp", "/tmp"];

/// Creates a file for reading and writing.
pub fn create() -> io::Result<File> {
    create_in(&FOLDERS.map(Path::new))
}

fn create_in(folders: &[&Path]) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let on_disk =
        folders.iter().find_map(|folder| rustix::fs::openat(CWD, *folder, flags, Mode::RUSR | Mode::WUSR).ok());
    match on_disk {
        Some(fd) => Ok(File::from(fd)),
        None => Ok(File::from(rustix::fs::memfd_create("submission", MemfdFlags::CLOEXEC)?)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
