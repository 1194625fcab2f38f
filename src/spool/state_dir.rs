//! The state directory: secrets that postrider makes itself, once, such as the key of the private CA. Unlike the spool it holds no
//! mail, and nobody but its owner may look into it.
//!
//! What is read from it speaks for this machine, so a directory or a file that others could read or replace is refused and not
//! repaired: a key that others could read for a while is theirs as well, whatever its mode is now.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use postrider_drop::durable::{Durable, Folder};
use rustix::fs::{Mode, OFlags, Stat};
use zeroize::Zeroizing;

use super::SpoolError;
use super::queue::{create, open_regular};
use super::replace::replace;

/// Nothing in it is larger, in octets.
const MOST: u64 = 1 << 20;

/// An opened state directory.
#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
    folder: Folder,
}

impl StateDir {
    /// Opens it if it exists.
    pub fn find(path: &Path) -> Result<Option<Self>, SpoolError> {
        let folder = match Folder::open(path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SpoolError::io("open", path)(error)),
        };
        let stat = rustix::fs::fstat(&folder).map_err(|error| SpoolError::io("read", path)(error.into()))?;
        refuse_shared(path, &stat, "700")?;
        Ok(Some(Self { path: path.to_owned(), folder }))
    }

    /// Opens it, and creates it with mode 0700 if it is missing.
    pub fn open(path: &Path) -> Result<Self, SpoolError> {
        if let Some(found) = Self::find(path)? {
            return Ok(found);
        }
        create(path)?;
        Self::find(path)?.ok_or_else(|| SpoolError::io("open", path)(io::ErrorKind::NotFound.into()))
    }

    /// Where a file of it is.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a file; `None` if it is missing.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SpoolError> {
        let path = self.file(name);
        let file: File = match open_regular(&self.folder, Path::new(name), OFlags::RDONLY) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SpoolError::io("open", path)(error)),
        };
        let stat = rustix::fs::fstat(&file).map_err(|error| SpoolError::io("read", &path)(error.into()))?;
        refuse_shared(&path, &stat, "600")?;
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(MOST).read_to_end(&mut bytes).map_err(SpoolError::io("read", &path))?;
        Ok(Some(bytes))
    }

    /// Creates or replaces a file with mode 0600. It is on disk afterwards.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), SpoolError> {
        let path = self.file(name);
        let mode = Mode::RUSR | Mode::WUSR;
        let new = Durable::create(&self.folder, mode.as_raw_mode()).map_err(SpoolError::io("create", &path))?;
        new.file().write_all(bytes).map_err(SpoolError::io("write", &path))?;
        replace(&self.folder, new, &path)
    }

    /// Writes over the beginning of a file that has at least as much room, and syncs it; what is behind that stays. Needs no space on
    /// the disk. `NotFound` is an error like others.
    pub fn overwrite(&self, name: &str, bytes: &[u8]) -> Result<(), SpoolError> {
        let path = self.file(name);
        let opened = open_regular(&self.folder, Path::new(name), OFlags::WRONLY);
        let mut file = opened.map_err(SpoolError::io("open", &path))?;
        let stat = rustix::fs::fstat(&file).map_err(|error| SpoolError::io("read", &path)(error.into()))?;
        refuse_shared(&path, &stat, "600")?;
        file.write_all(bytes).map_err(SpoolError::io("write", &path))?;
        file.sync_data().map_err(SpoolError::io("sync", &path))
    }

    /// Puts one file in the place of another, on disk as well.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), SpoolError> {
        let path = self.file(to);
        let renamed = rustix::fs::renameat(&self.folder, from, &self.folder, to);
        renamed.map_err(|error| SpoolError::io("replace", &path)(error.into()))?;
        self.folder.sync().map_err(SpoolError::io("sync the directory of", &path))
    }
}

/// Refuses what others can read or change. Root may look at what is the service's.
fn refuse_shared(path: &Path, stat: &Stat, right: &'static str) -> Result<(), SpoolError> {
    let us = rustix::process::geteuid().as_raw();
    if stat.st_uid != us && us != 0 {
        return Err(SpoolError::NotOurs { path: path.to_owned(), owner: stat.st_uid, us });
    }
    let mode = stat.st_mode & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SpoolError::Shared { path: path.to_owned(), mode, right });
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
