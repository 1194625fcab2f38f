//! How files are opened whose kind is only known once they are open.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, OFlags, access};

/// Opens for reading, so that a FIFO or a terminal in the file's place cannot hold us up
/// before its kind, owner and mode were looked at. Links are followed: what counts is
/// the file that they lead to.
pub(super) fn at_once(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// The first folder on the way to a file that this process may not enter: changing the file itself would be of no use.
pub(super) fn closed_folder(path: &Path) -> Option<PathBuf> {
    let folders: Vec<&Path> = path.ancestors().skip(1).collect();
    let is_closed = |folder: &&&Path| folder.is_dir() && access(**folder, Access::EXEC_OK).is_err();
    folders.iter().rev().find(is_closed).map(|folder| folder.to_path_buf())
}
