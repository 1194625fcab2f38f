//! The one runner's lock (`fs2` on spool/lock), with the holder's pid inside.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt};

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
        let path = spool.dir().join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(SpoolError::io("open", &path))?;
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
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_others_learn_who() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let TryLock::Taken(lock) = RunnerLock::try_take(&spool).unwrap() else { panic!("not free") };
        let TryLock::Held(pid) = RunnerLock::try_take(&spool).unwrap() else { panic!("taken twice") };
        assert_eq!(pid, Some(std::process::id()));
        drop(lock);
        assert!(matches!(RunnerLock::try_take(&spool).unwrap(), TryLock::Taken(_)));
    }
}
