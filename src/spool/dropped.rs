//! Submissions that are not messages yet: drop/ (stored by the drop program and owned by its caller) and raw/
//! (accepted by the runner while no configuration could be read). Each is a frame in a file named UID.REST.
//!
//! drop/ is untrusted: any user can create files there. Only what the kernel reports about an opened file is
//! believed.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::{fs, io};

use jiff::Timestamp;
use postrider_drop::HIDDEN;
use postrider_drop::durable::{Durable, Folder, TEMPORARY};
use rustix::fs::{CWD, OFlags};

use super::queue::{Spool, is_abandoned, is_no_submission, open_regular, unlink};
use super::recovery::{self, Dropped, uid_in};
use super::usage_table::Folder as Counted;
use crate::log;
use crate::spool::SpoolError;

/// How many names are tried if the first ones are taken.
const TRIES: u32 = 32;

/// The folder in which a submission waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// drop/: stored by the drop program.
    Drop,
    /// raw/: accepted by the runner.
    Raw,
}

impl Place {
    /// Both folders.
    pub const ALL: [Self; 2] = [Self::Drop, Self::Raw];

    /// The folder's name.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Drop => postrider_drop::FOLDER,
            Self::Raw => "raw",
        }
    }
}

/// A waiting submission.
#[derive(Debug)]
pub struct Waiting {
    /// The uid of its submitter.
    pub uid: u32,
    /// The folder it is in.
    pub place: Place,
    /// Its file name in that folder.
    pub name: String,
    /// When the file was last written.
    pub arrived: Timestamp,
    /// Size of the frame in bytes.
    pub octets: u64,
    /// The opened frame.
    pub file: File,
}

/// What an entry of the folder turned out to be.
#[derive(Debug)]
pub enum Found {
    /// A submission.
    Submission(Waiting),
    /// Something else, with the reason it is not accepted.
    Foreign(String),
    /// Nothing: the file is gone, or still being written.
    Nothing,
}

impl Spool {
    /// Whether drop/ or raw/ contains anything.
    pub fn has_left(&self) -> Result<bool, SpoolError> {
        for place in Place::ALL {
            if !self.waiting_names(place)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The file names in the folder, sorted. A missing folder counts as empty.
    pub fn waiting_names(&self, place: Place) -> Result<Vec<String>, SpoolError> {
        let dir = self.dir().join(place.folder());
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(SpoolError::io("list", &dir))?,
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let names: Vec<String> = names.collect::<io::Result<_>>().map_err(SpoolError::io("list", &dir))?;
        let is_hidden =
            |name: &String| place == Place::Drop && name.starts_with(HIDDEN) && !name.starts_with(TEMPORARY);
        let (hidden, mut names): (Vec<String>, Vec<String>) = names.into_iter().partition(is_hidden);
        for name in hidden {
            match recovery::recover_dropped(&dir, &name) {
                Ok(Dropped::Named(name)) => names.push(name),
                Ok(Dropped::Foreign) => names.push(name),
                Ok(Dropped::Nothing) => {}
                Err(error) if error.is_shortage() => return Err(error),
                Err(error) => log::warning(format_args!("drop/{name}: {error}; trying again later")),
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Opens an entry. A submission is a regular file with one link that belongs to the uid in its name, or to the
    /// runner in raw/. A hard link is refused because it would let a user submit a file that is not theirs.
    pub fn open_waiting(&self, place: Place, name: &str) -> Result<Found, SpoolError> {
        let path = self.waiting_path(place, name);
        if name.starts_with(TEMPORARY) {
            if is_abandoned(&path) {
                unlink(&path)?;
            }
            return Ok(Found::Nothing);
        }
        let file = match open_regular(CWD, &path, OFlags::RDONLY) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) if is_no_submission(&error) => {
                return Ok(Found::Foreign(format!("it cannot be opened: {error}")));
            }
            Err(error) => return Err(SpoolError::io("open", path)(error)),
        };
        let seen = file.metadata().map_err(SpoolError::io("read", &path))?;
        let named = uid_in(name);
        let uid = match (place, named) {
            (_, None) => return Ok(Found::Foreign("its name is not a submission name".to_owned())),
            (Place::Drop, Some(uid)) if seen.uid() != uid => {
                return Ok(Found::Foreign(format!("it belongs to uid {}, but its name says {uid}", seen.uid())));
            }
            (_, Some(uid)) => uid,
        };
        if !seen.is_file() || seen.nlink() != 1 {
            return Ok(Found::Foreign("it is not a regular file with a single link".to_owned()));
        }
        let arrived = seen.modified().ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_default();
        Ok(Found::Submission(Waiting { uid, place, name: name.to_owned(), arrived, octets: seen.len(), file }))
    }

    /// Removes a submission durably, once it is stored as a message.
    pub fn remove_waiting(&self, place: Place, name: &str) -> Result<(), SpoolError> {
        unlink(&self.waiting_path(place, name))?;
        if place == Place::Raw {
            self.usage_table().take(Counted::Raw, name);
        }
        let (folder, dir) = self.folder(place.folder())?;
        folder.sync().map_err(SpoolError::io("sync", dir))
    }

    /// Moves an entry that is not a submission to failed/, with the reason.
    pub fn set_waiting_aside(&self, place: Place, name: &str, reason: &str) -> Result<(), SpoolError> {
        self.set_file_aside(&self.waiting_path(place, name), name, reason)?;
        if place == Place::Raw {
            self.usage_table().take(Counted::Raw, name);
        }
        Ok(())
    }

    /// Starts writing a submission to raw/.
    pub fn begin_raw(&self) -> Result<Durable, SpoolError> {
        let (folder, dir) = self.folder(Place::Raw.folder())?;
        Durable::create(&folder, 0o600).map_err(SpoolError::io("create a file in", dir))
    }

    /// Makes the submission durable, under a name that is still free.
    pub fn keep_raw(&self, mut file: Durable, uid: u32, token: &str) -> Result<(), SpoolError> {
        let (first, mut number) = (format!("{uid}.{token}"), 0);
        let mut name = first.clone();
        loop {
            match file.keep([&name], &Folder::sync) {
                Ok(()) => break,
                Err(in_use) if in_use.error.kind() == io::ErrorKind::AlreadyExists && number < TRIES => {
                    number += 1;
                    name = format!("{first}-{number}");
                }
                Err(failure) => return Err(SpoolError::not_kept(self.waiting_path(Place::Raw, &name), failure)),
            }
        }
        self.count_waiting(Place::Raw, &name);
        Ok(())
    }

    fn waiting_path(&self, place: Place, name: &str) -> PathBuf {
        self.dir().join(place.folder()).join(name)
    }
}

#[cfg(test)]
mod tests;
