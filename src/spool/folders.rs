//! Whether folders and files of the spool are what they must be. Mail cannot leave while history/ cannot be written, and what
//! is in a folder that cannot be listed is not counted. Nothing is changed here.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use postrider_drop::durable::Folder;
use rustix::fs::{Access, AtFlags, CWD};

use super::SpoolError;
use super::dropped::Place;
use super::history;
use super::queue::Spool;

impl Spool {
    /// What cannot be used of the folders beside queue/, the lock, and the files of history/. What is missing is created when
    /// it is needed.
    pub fn unusable(&self) -> Result<Vec<SpoolError>, SpoolError> {
        let folders = ["failed", "history", Place::Raw.folder(), Place::Drop.folder()];
        let folders = folders.into_iter().filter_map(|name| folder(&self.dir().join(name)).err());
        let files = [(self.dir().join("lock"), Access::READ_OK | Access::WRITE_OK)];
        let files = files.into_iter().chain(history::files(self, Timestamp::now()));
        let files = files.filter_map(|(path, access)| file(&path, access).err());
        let mut found: Vec<SpoolError> = folders.chain(files).collect();
        match found.iter().position(SpoolError::is_shortage) {
            Some(at) => Err(found.swap_remove(at)),
            None => Ok(found),
        }
    }
}

fn folder(path: &Path) -> Result<(), SpoolError> {
    match Folder::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => drop(opened.map_err(SpoolError::io("open", path))?),
    }
    permitted(path, Access::WRITE_OK | Access::EXEC_OK)
}

fn file(path: &Path, access: Access) -> Result<(), SpoolError> {
    match fs::symlink_metadata(path) {
        Ok(seen) if !seen.is_file() => Err(SpoolError::damaged(path, "it is not a file")),
        Ok(_) => permitted(path, access),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SpoolError::io("read", path)(error)),
    }
}

fn permitted(path: &Path, access: Access) -> Result<(), SpoolError> {
    let action = if access.contains(Access::WRITE_OK) { "write to" } else { "read" };
    let permitted = rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS);
    permitted.map_err(|error| SpoolError::io(action, path)(error.into()))
}
