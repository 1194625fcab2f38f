//! Small files beside queue/ that the runner keeps for the next runner and for commands. Losing one costs little, so
//! they are replaced by rename without a sync.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SpoolError;
use super::queue::Spool;

/// Reads a file; `None` if it is missing or not valid.
#[must_use]
pub fn read<T: DeserializeOwned>(spool: &Spool, name: &str) -> Option<T> {
    serde_json::from_slice(&fs::read(spool.dir().join(name)).ok()?).ok()
}

/// Replaces a file.
pub fn write(spool: &Spool, name: &str, value: &impl Serialize) -> Result<(), SpoolError> {
    let path = spool.dir().join(name);
    let temporary = spool.dir().join(format!(".{name}.new"));
    let text = serde_json::to_vec(value).map_err(|error| SpoolError::io("write", &path)(error.into()))?;
    // Server replies are private, whatever the umask.
    let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone();
    let mut file = options.open(&temporary).map_err(SpoolError::io("create", &temporary))?;
    file.write_all(&text).map_err(SpoolError::io("write", &temporary))?;
    fs::rename(&temporary, &path).map_err(SpoolError::io("rename", &path))
}

/// Removes a file, if it exists.
pub fn remove(spool: &Spool, name: &str) -> Result<(), SpoolError> {
    let path = spool.dir().join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SpoolError::io("remove", &path)(error)),
        _ => Ok(()),
    }
}
