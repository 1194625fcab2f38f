//! Opens a file whose path may hold no symbolic link, in any place.

use std::fs::File;
use std::io;
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, openat};

/// Opens it for reading, folder by folder from the root, so that none of them may be a link. Folders need only be searchable
/// (`O_PATH`).
pub fn open(path: &Path) -> io::Result<File> {
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut above = openat(CWD, "/", folder, Mode::empty())?;
    let mut parts = path.components().filter(|part| matches!(part, Component::Normal(_))).peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        // A FIFO in its place must not hold us up before its kind is known.
        let file = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        above = openat(&above, part.as_os_str(), if is_last { file } else { folder }, Mode::empty())?;
    }
    Ok(File::from(above))
}
