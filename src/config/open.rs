//! How files are opened whose kind is only known once they are open.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens for reading, so that a FIFO or a terminal in the file's place cannot hold us up
/// before its kind, owner and mode were looked at. Links are followed: what counts is
/// the file that they lead to.
pub(super) fn at_once(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}
