//! The folder conf.d beside a config file: which of its files belong to the configuration, in which order. Each holds
//! sections or keys that the main file would otherwise hold; whether it may is `locate`'s to say.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The folder for a main file.
#[must_use]
pub fn folder(main: &Path) -> PathBuf {
    main.with_file_name("conf.d")
}

/// Its files by the bytes of their names: those that end in .toml, but for hidden ones, which editors leave behind. Without
/// the folder there are none.
pub fn files(main: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = folder(main);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        // What is there and is no folder, a link to nowhere also, is an error.
        Err(error) => return if folder.symlink_metadata().is_err() { Ok(Vec::new()) } else { Err(error) },
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?;
    let mut names: Vec<_> = names.into_iter().filter(|name| includes(name)).collect();
    names.sort();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Whether a file of this name in the folder belongs to the configuration.
#[must_use]
pub fn includes(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.ends_with(b".toml") && !name.starts_with(b".")
}

/// The main file and those of the folder: a configuration has changed if one of them has, or there are others.
#[must_use]
pub fn with_main(main: &Path) -> Vec<PathBuf> {
    [main.to_owned()].into_iter().chain(files(main).unwrap_or_default()).collect()
}
