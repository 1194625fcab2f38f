//! Reaches files through an open descriptor, and renames without replacing.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags};

/// A short path of a file in an open folder (/proc/self/fd). A socket address holds only 108 bytes, and the folder's
/// path may be longer.
#[must_use]
pub fn path_in(folder: &File, name: &str) -> String {
    format!("/proc/self/fd/{}/{name}", folder.as_raw_fd())
}

/// Whether so many more files can be opened: whoever goes on without would take what cannot be opened for missing.
pub fn spare(count: usize) -> io::Result<()> {
    let opened: io::Result<Vec<File>> = (0..count).map(|_| File::open("/dev/null")).collect();
    opened.map(drop)
}

/// Renames a file unless the new name is taken ([`io::ErrorKind::AlreadyExists`]). File systems that cannot do this
/// atomically return [`io::ErrorKind::InvalidInput`].
pub fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    Ok(rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}
