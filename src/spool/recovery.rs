//! Files whose writer was killed, or whose machine lost power, between their one sync and their name
//! ([`postrider_drop::durable::Durable::keep_hidden`]). Whoever lists a folder comes here before it looks at anything else:
//! what is whole gets its name, what is torn was never accepted and goes, and what is locked has a writer at work.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use postrider_drop::frame::{Place as FramePlace, WIDEST};
use postrider_drop::{HIDDEN, ROOT_SLOTS};
use rustix::fs::{AtFlags, CWD, FlockOperation, OFlags};
use rustix::io::Errno;

use super::SpoolError;
use super::id::{MessageId, NEW};
use super::message_file::Stored;
use super::queue::{Spool, is_no_submission, open_regular, unlink};
use crate::log;
use crate::sys::descriptor::rename_without_replacing;

/// What became of a hidden file of drop/.
pub(super) enum Dropped {
    /// It has this name now.
    Named(String),
    /// It is not there, is torn and was removed, or is being written.
    Nothing,
    /// It is none that the drop program makes.
    Foreign,
}

impl Spool {
    /// The ids of the messages that got their names.
    pub(super) fn recovered(&self, hidden: &[String]) -> Result<Vec<MessageId>, SpoolError> {
        let mut ids = Vec::new();
        for name in hidden {
            match self.recover_message(name) {
                Ok(id) => ids.extend(id),
                Err(error) if error.is_shortage() => return Err(error),
                Err(error) => log::warning(format_args!("queue/{name}: {error}; trying again later")),
            }
        }
        Ok(ids)
    }

    fn recover_message(&self, name: &str) -> Result<Option<MessageId>, SpoolError> {
        let path = self.dir().join("queue").join(name);
        let Some(id) = name.strip_prefix(NEW).and_then(MessageId::parse) else {
            self.set_name_aside(name, "its name is not that of a message that is being stored")?;
            return Ok(None);
        };
        let aside = |why: &str| self.set_name_aside(name, why).map(|_| None);
        let file = match self.open_in_queue(name, OFlags::RDONLY) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => match self.not_opened(name, path.clone(), error) {
                SpoolError::Damaged { what, .. } => return aside(&what),
                error => return Err(error),
            },
        };
        let Some(lock) = Lock::of(&file, &path)? else { return Ok(None) };
        if !lock.seen.is_file() {
            return aside("it is not a file");
        }
        let length = lock.seen.len();
        let whole = Stored::of_length(file, length, path.clone(), &id).and_then(|stored| {
            stored.verify()?;
            Ok(stored)
        });
        let token = match whole {
            Ok(stored) => stored.envelope.token.clone(),
            Err(SpoolError::Damaged { .. }) => {
                unlink(&path)?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        lock.file.sync_all().map_err(SpoolError::io("sync", &path))?;
        match rename_without_replacing(&path, &self.message_path(&id)) {
            Ok(()) => Ok(Some(id)),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(SpoolError::io("rename", &path)(error)),
            Err(_) if self.open_message(&id).is_ok_and(|there| there.envelope.token == token) => {
                unlink(&path)?;
                Ok(None)
            }
            Err(_) => {
                self.set_name_aside(name, "another message has its id")?;
                Ok(None)
            }
        }
    }
}

/// Gives a hidden file of drop/ its name, or the next one that is free.
pub(super) fn recover_dropped(dir: &Path, hidden: &str) -> Result<Dropped, SpoolError> {
    let path = dir.join(hidden);
    let name = hidden.strip_prefix(HIDDEN).unwrap_or_default();
    let (Some(uid), Some(slot)) = (uid_in(name), slot_in(name)) else { return Ok(Dropped::Foreign) };
    let file = match open_regular(CWD, &path, OFlags::RDONLY) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Dropped::Nothing),
        Err(error) if is_no_submission(&error) => return Ok(Dropped::Foreign),
        Err(error) => return Err(SpoolError::io("open", &path)(error)),
    };
    let seen = file.metadata().map_err(SpoolError::io("read", &path))?;
    if !seen.is_file() || seen.uid() != uid {
        return Ok(Dropped::Foreign);
    }
    let Some(lock) = Lock::of(&file, &path)? else { return Ok(Dropped::Nothing) };
    if lock.seen.nlink() != 1 {
        return Ok(Dropped::Foreign);
    }
    if !is_whole(&lock.file, lock.seen.len()).map_err(SpoolError::io("read", &path))? {
        unlink(&path)?;
        return Ok(Dropped::Nothing);
    }
    lock.file.sync_all().map_err(SpoolError::io("sync", &path))?;
    for slot in (slot..ROOT_SLOTS).chain(0..slot) {
        let name = format!("{uid}.{slot}");
        match rename_without_replacing(&path, &dir.join(&name)) {
            Ok(()) => return Ok(Dropped::Named(name)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(SpoolError::io("rename", &path)(error)),
        }
    }
    Ok(Dropped::Nothing)
}

/// A hidden file that nobody writes.
struct Lock {
    file: File,
    seen: std::fs::Metadata,
}

impl Lock {
    /// `None`: its writer is at work, or has given it its name.
    fn of(file: &File, path: &Path) -> Result<Option<Self>, SpoolError> {
        let file = file.try_clone().map_err(SpoolError::io("open", path))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            locked => locked.map_err(|error| SpoolError::io("lock", path)(error.into()))?,
        }
        let seen = file.metadata().map_err(SpoolError::io("read", path))?;
        let there = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW);
        let is_there = there.is_ok_and(|there| (there.st_dev, there.st_ino) == (seen.dev(), seen.ino()));
        Ok(is_there.then_some(Self { file, seen }))
    }
}

/// The uid in the name of a submission.
pub(crate) fn uid_in(name: &str) -> Option<u32> {
    name.split_once('.').and_then(|(uid, _)| uid.parse().ok())
}

fn slot_in(name: &str) -> Option<u64> {
    name.split_once('.').and_then(|(_, slot)| slot.parse().ok()).filter(|slot| *slot < ROOT_SLOTS)
}

/// Whether it is one frame and its checksum, and nothing behind them.
fn is_whole(mut file: &File, length: u64) -> io::Result<bool> {
    let (mut place, mut passed, mut buffer) = (FramePlace::at_start(WIDEST), 0_u64, vec![0; 64 << 10]);
    let mut sum = crc32fast::Hasher::new();
    while place.missing() > 0 {
        let wanted = place.missing().min(buffer.len());
        let read = file.read(&mut buffer[..wanted])?;
        if read == 0 || place.pass(&buffer[..read]).is_err() {
            return Ok(false);
        }
        sum.update(&buffer[..read]);
        passed += read as u64;
    }
    let mut behind = [0; 4];
    Ok(length == passed + 4 && file.read_exact(&mut behind).is_ok() && behind == sum.finalize().to_be_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
