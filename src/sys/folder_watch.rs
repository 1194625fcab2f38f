//! Watches folders for changes (inotify) and reports which names appeared or changed.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};

/// What to watch for in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum See {
    /// Files created in the folder or moved into it.
    NewFiles,
    /// Files that were written, moved, removed, or changed in mode or owner; and created folders.
    ChangedFiles,
}

/// A watched folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watched(WatchDescriptor);

/// The folders of a [`FolderWatch`]. Folders can be added while another thread waits.
#[derive(Debug, Clone)]
pub struct Folders(Watches);

impl Folders {
    /// Adds a folder. For a folder that is already watched, this replaces what it is watched for.
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

/// An event.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A file with this name was created in this folder. It may not be written yet.
    Created(Watched, &'a OsStr),
    /// Something else happened to a file or folder with this name.
    Changed(Watched, &'a OsStr),
    /// Events were lost, so anything may have changed.
    Overflow,
}

/// Waits for events in folders.
#[derive(Debug)]
pub struct FolderWatch {
    inotify: Inotify,
    buffer: Vec<u8>,
}

impl FolderWatch {
    /// Without folders yet. `octets` is the size of the buffer for events in bytes.
    pub fn new(octets: usize) -> io::Result<Self> {
        Ok(Self { inotify: Inotify::init()?, buffer: vec![0; octets] })
    }

    /// The watched folders, to add to.
    #[must_use]
    pub fn folders(&self) -> Folders {
        Folders(self.inotify.watches())
    }

    /// Waits for events.
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
