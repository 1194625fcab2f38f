//! The lock that makes one process the runner (`fs2` on spool/lock), with the holder's pid in the file.
//!
//! An advisory lock of the kernel (flock(2)) and not a file that exists or not: it ends with the process, however that
//! ends, so a crash leaves nothing that somebody would have to remove. The file itself stays forever. Removing it
//! would let two processes lock two files of the same name.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt};
use std::path::PathBuf;

use super::SpoolError;
use super::queue::Spool;

/// Held while this process is the runner. Dropping it releases the lock.
#[derive(Debug)]
pub struct RunnerLock {
    file: File,
}

/// The result of trying to become the runner.
#[derive(Debug)]
pub enum TryLock {
    /// This process is now the runner.
    Taken(RunnerLock),
    /// Another process is the runner. Its pid, if the file has it.
    Held(Option<u32>),
}

impl RunnerLock {
    /// Tries to take the lock without waiting.
    pub fn try_take(spool: &Spool) -> Result<TryLock, SpoolError> {
        let (path, file) = open(spool)?;
        match fs2::FileExt::try_lock_exclusive(&file) {
            Ok(()) => {}
            Err(error) if error.kind() == fs2::lock_contended_error().kind() => {
                return Ok(TryLock::Held(pid_in(&file)));
            }
            Err(error) => return Err(SpoolError::io("lock", &path)(error)),
        }
        // The pid is for information only; the lock does not depend on it.
        let pid = format!("{}\n", std::process::id());
        // On a full disk the pid is missing, which does no harm.
        let _ = file.set_len(0).and_then(|()| file.write_all_at(pid.as_bytes(), 0));
        Ok(TryLock::Taken(Self { file }))
    }
}

/// Whether a runner holds the lock. This takes a shared lock for a moment, so that several processes may ask at once
/// without mistaking one another for a runner.
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

/// The pid goes first. In the other order it could erase the pid of the next holder.
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
