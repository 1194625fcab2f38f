//! Replaces a file that must not be lost: readers find either the old or the new content, complete, also after a
//! crash.

use std::path::Path;

use postrider_drop::durable::{Durable, Folder, temporary_name};
use rustix::fs::AtFlags;

use super::SpoolError;

/// Moves the new file to `path`, whose directory is `folder`, and syncs the directory.
pub fn replace(folder: &Folder, new: Durable, path: &Path) -> Result<(), SpoolError> {
    let temporary = temporary_name();
    let mut new = new;
    new.keep([&temporary], &Folder::sync).map_err(|failure| SpoolError::not_kept(path.to_owned(), failure))?;
    let name = path.file_name().unwrap_or_default();
    if let Err(error) = rustix::fs::renameat(folder, &temporary, folder, name) {
        let _ = rustix::fs::unlinkat(folder, &temporary, AtFlags::empty());
        return Err(SpoolError::io("replace", path)(error.into()));
    }
    folder.sync().map_err(SpoolError::io("sync the directory of", path))
}

#[cfg(test)]
mod tests;
