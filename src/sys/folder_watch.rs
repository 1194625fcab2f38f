//! Watching folders for changes (inotify): which names appeared or changed. What follows from that is the
//! watcher's owner's to say.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};

/// What to see in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum See {
    /// Files that are created in it or moved into it.
    NewFiles,
    /// Files that were written, moved, removed, or got another mode or owner; and folders that were created.
    ChangedFiles,
}

/// A folder that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watched(WatchDescriptor);

/// The folders of one [`FolderWatch`]; folders may be added while another thread waits.
#[derive(Debug, Clone)]
pub struct Folders(Watches);

impl Folders {
    /// Watches one more folder. One that is watched already is watched for this instead.
    pub fn add(&self, folder: &Path, see: See) -> io::Result<Watched> {
        let mask = match see {
            See::NewFiles => WatchMask::CREATE | WatchMask::MOVED_TO,
            // ATTRIB, because a chmod alone may make a secret readable.
            See::ChangedFiles => {
                let gone = WatchMask::MOVED_FROM | WatchMask::DELETE;
                gone | WatchMask::CLOSE_WRITE | WatchMask::MOVED_TO | WatchMask::ATTRIB | WatchMask::CREATE
            }
        };
        self.0.clone().add(folder, mask).map(Watched)
    }
}

/// Something that was seen.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A file of this name was created in this folder; it may not be written yet.
    Created(Watched, &'a OsStr),
    /// Something else happened to a file or folder of this name.
    Changed(Watched, &'a OsStr),
    /// More happened than the kernel could note: anything may have changed.
    Overflow,
}

/// Sees what happens in folders.
#[derive(Debug)]
pub struct FolderWatch {
    inotify: Inotify,
    buffer: Vec<u8>,
}

impl FolderWatch {
    /// Watches nothing yet. What is seen at once may take so many octets.
    pub fn new(octets: usize) -> io::Result<Self> {
        Ok(Self { inotify: Inotify::init()?, buffer: vec![0; octets] })
    }

    /// The folders, to add to.
    #[must_use]
    pub fn folders(&self) -> Folders {
        Folders(self.inotify.watches())
    }

    /// Waits until something was seen.
    pub fn wait(&mut self) -> io::Result<impl Iterator<Item = Seen<'_>>> {
        let seen = self.inotify.read_events_blocking(&mut self.buffer)?;
        Ok(seen.filter_map(|event| match event.name {
            _ if event.mask.contains(EventMask::Q_OVERFLOW) => Some(Seen::Overflow),
            Some(name) if event.mask == EventMask::CREATE => Some(Seen::Created(Watched(event.wd), name)),
            Some(name) => Some(Seen::Changed(Watched(event.wd), name)),
            None => None,
        }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
