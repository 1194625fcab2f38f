//! The one runner's lock (`fs2` on spool/lock), with the holder's pid inside.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt};
use std::path::PathBuf;

use super::SpoolError;
use super::queue::Spool;

/// Held while this process is the runner; given back when dropped.
#[derive(Debug)]
pub struct RunnerLock {
    file: File,
}

/// What trying to become the runner came to.
#[derive(Debug)]
pub enum TryLock {
    /// This process is the runner now.
    Taken(RunnerLock),
    /// Another is; its pid, where the file says it.
    Held(Option<u32>),
}

impl RunnerLock {
    /// Tries without waiting.
    pub fn try_take(spool: &Spool) -> Result<TryLock, SpoolError> {
        let (path, file) = open(spool)?;
        match fs2::FileExt::try_lock_exclusive(&file) {
            Ok(()) => {}
            Err(error) if error.kind() == fs2::lock_contended_error().kind() => {
                return Ok(TryLock::Held(pid_in(&file)));
            }
            Err(error) => return Err(SpoolError::io("lock", &path)(error)),
        }
        // The pid is for people and other processes to read; the lock itself does not depend on it.
        let pid = format!("{}\n", std::process::id());
        // On a full disk it is missing.
        let _ = file.set_len(0).and_then(|()| file.write_all_at(pid.as_bytes(), 0));
        Ok(TryLock::Taken(Self { file }))
    }
}

/// Whether somebody holds it. Any number may ask at the same time: nobody takes another's glance for a runner.
pub fn is_held(spool: &Spool) -> Result<bool, SpoolError> {
    let (path, file) = open(spool)?;
    match fs2::FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == fs2::lock_contended_error().kind() => Ok(true),
        Err(error) => Err(SpoolError::io("lock", &path)(error)),
    }
}

fn open(spool: &Spool) -> Result<(PathBuf, File), SpoolError> {
    let path = spool.dir().join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&path).map_err(SpoolError::io("open", &path))?;
    Ok((path, file))
}

impl Drop for RunnerLock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        let _ = fs2::FileExt::unlock(&self.file);
    }
}

fn pid_in(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
