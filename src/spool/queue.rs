//! The spool directory: its folders, opening and listing it, opening messages, and removing finished ones. Mail that
//! is set aside is in `failed`.
//!
//! The spool belongs to one uid, and a directory that others may write to is refused: they could plant mail, or
//! replace a file between a check and its use. Files are opened relative to the open queue/, without following links,
//! and checked after opening and not before.
//!
//! Only syncs limit what a power cut undoes: a new name is durable once its directory is synced, and a removed one
//! stays removed only from then on.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, ReadDir};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_drop::durable::Folder;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::SpoolError;
use super::day_file::DayFile;
use super::id::{MessageId, NEW};
use super::message_file::Stored;
use super::shared_sync::SharedSync;
use super::usage_table::{self, UsageTable};

/// A temporary file older than this was left by a killed process.
const ABANDONED: Duration = Duration::from_hours(1);

/// A file beside queue/. It shows that the names of the spool's folders are on disk.
const SYNCED: &str = "synced";

/// Whether a message had a journal when queue/ was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HasJournal {
    /// It has a journal.
    Journal,
    /// It has none: it was never attempted.
    None,
}

/// An opened spool; cheap to clone.
#[derive(Debug, Clone)]
pub struct Spool {
    opened: Arc<Opened>,
}

#[derive(Debug)]
struct Opened {
    dir: PathBuf,
    /// The uid of the process that opened the spool, which owns it.
    us: u32,
    queue: Folder,
    queue_syncs: SharedSync,
    history: Mutex<(PathBuf, Arc<DayFile>)>,
    usage_table: UsageTable,
}

impl Spool {
    /// Opens the spool. Missing folders are created with mode 0700.
    pub fn open(dir: &Path) -> Result<Self, SpoolError> {
        let found = Self::find(dir)?;
        if found.is_none() {
            create_folders(dir)?;
        }
        sync_folders(dir)?;
        let vanished = || SpoolError::io("open", dir.join("queue"))(io::ErrorKind::NotFound.into());
        found.map_or_else(|| Self::find(dir)?.ok_or_else(vanished), Ok)
    }

    /// Opens the spool if it exists, for commands that only read.
    ///
    /// Ownership is checked on the opened directory, and `..` is looked up from there, so that no other directory can
    /// be put in place between the two.
    pub fn find(dir: &Path) -> Result<Option<Self>, SpoolError> {
        let path = dir.join("queue");
        let queue = match Folder::open(&path) {
            Ok(queue) => queue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SpoolError::io("open", path)(error)),
        };
        let stat = rustix::fs::fstat(&queue).map_err(|e| SpoolError::io("read", &path)(e.into()))?;
        refuse_foreign(&path, &stat)?;
        let stat = rustix::fs::statat(&queue, "..", AtFlags::empty())
            .map_err(|error| SpoolError::io("read", dir)(error.into()))?;
        refuse_foreign(dir, &stat)?;
        Ok(Some(Self {
            opened: Arc::new(Opened {
                dir: dir.to_owned(),
                us: stat.st_uid,
                queue,
                queue_syncs: SharedSync::default(),
                history: Mutex::default(),
                usage_table: UsageTable::default(),
            }),
        }))
    }

    /// The spool's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.opened.dir
    }

    pub(super) fn usage_table(&self) -> &UsageTable {
        &self.opened.usage_table
    }

    /// The opened folder queue/.
    pub(super) fn queue(&self) -> &Folder {
        &self.opened.queue
    }

    pub(super) fn message_path(&self, id: &MessageId) -> PathBuf {
        self.dir().join("queue").join(id.as_str())
    }

    pub(super) fn journal_path(&self, id: &MessageId) -> PathBuf {
        self.dir().join("queue").join(journal_name(id))
    }

    /// Ids of all messages in queue/, oldest first. Other names are left out.
    pub fn ids(&self) -> Result<Vec<MessageId>, SpoolError> {
        let mut ids = Vec::new();
        self.each_name(|name| ids.extend(MessageId::parse(name)))?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// Ids of all messages, each with whether it has a journal. One pass over the directory, because asking for each
    /// journal would cost a system call per message.
    pub fn listing(&self) -> Result<Vec<(MessageId, HasJournal)>, SpoolError> {
        let (mut ids, mut journals) = (Vec::new(), HashSet::new());
        self.each_name(|name| match name.strip_suffix(".journal") {
            Some(name) => journals.extend(MessageId::parse(name)),
            None => ids.extend(MessageId::parse(name)),
        })?;
        ids.sort_unstable();
        let trail = |id: &MessageId| if journals.contains(id) { HasJournal::Journal } else { HasJournal::None };
        Ok(ids.into_iter().map(|id| (id.clone(), trail(&id))).collect())
    }

    /// Whether a file with this id exists in queue/.
    #[must_use]
    pub fn holds(&self, id: &MessageId) -> bool {
        self.message_path(id).symlink_metadata().is_ok()
    }

    /// Whether another writer stores a message under this id at the moment.
    pub(super) fn is_being_stored(&self, id: &MessageId) -> bool {
        rustix::fs::statat(self.queue(), format!("{NEW}{id}"), AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Opens a message: parses the envelope and checks the length. A missing message is [`SpoolError::Gone`].
    pub fn open_message(&self, id: &MessageId) -> Result<Stored, SpoolError> {
        let path = self.message_path(id);
        match self.open_in_queue(id.as_str(), OFlags::RDONLY) {
            Ok(file) => {
                let stat = rustix::fs::fstat(&file).map_err(|error| SpoolError::io("read", &path)(error.into()))?;
                match foreign(&stat, self.opened.us) {
                    Some(what) => Err(SpoolError::damaged(path, what)),
                    None => Stored::of_length(file, u64::try_from(stat.st_size).unwrap_or_default(), path, id),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SpoolError::Gone(id.clone())),
            Err(error) => Err(self.not_opened(id.as_str(), path, error)),
        }
    }

    /// Classifies an error of opening a file in queue/. A file of another user, or something that is not a file, is
    /// damage: trying again would never help.
    pub(super) fn not_opened(&self, name: &str, path: PathBuf, error: io::Error) -> SpoolError {
        if is_no_file(&error) {
            return SpoolError::damaged(path, "it is not a file");
        }
        let seen = (error.kind() == io::ErrorKind::PermissionDenied)
            .then(|| rustix::fs::statat(self.queue(), name, AtFlags::SYMLINK_NOFOLLOW).ok())
            .flatten();
        match seen.and_then(|seen| somebody_elses(&seen, self.opened.us)) {
            Some(what) => SpoolError::damaged(path, what),
            None => SpoolError::io("open", path)(error),
        }
    }

    /// Opens a file in queue/ without following links.
    pub(super) fn open_in_queue(&self, name: &str, flags: OFlags) -> io::Result<File> {
        open_regular(self.queue(), Path::new(name), flags)
    }

    /// Removes a finished message: unlinks ID, syncs queue/, then unlinks ID.journal. History and the journal's
    /// `done` are written before.
    ///
    /// The journal must go last. If a power cut kept the message but lost the journal, it would be sent again.
    pub fn remove(&self, id: &MessageId) -> Result<(), SpoolError> {
        unlink(&self.message_path(id))?;
        self.usage_table().take(usage_table::Folder::Queue, id.as_str());
        self.sync_queue()?;
        unlink(&self.journal_path(id))
    }

    /// Removes a message without a journal whose record in history is on disk. This needs no sync: if a power cut
    /// brings the file back, the record shows that the message is finished.
    pub fn remove_unsynced(&self, id: &MessageId) -> Result<(), SpoolError> {
        unlink(&self.message_path(id))?;
        self.usage_table().take(usage_table::Folder::Queue, id.as_str());
        Ok(())
    }

    /// Syncs queue/, so that removed names stay removed.
    pub fn sync_queue(&self) -> Result<(), SpoolError> {
        self.sync_names().map_err(SpoolError::io("sync", self.dir().join("queue")))
    }

    /// The same with the system's error. Threads that ask at the same moment share one sync.
    pub(super) fn sync_names(&self) -> io::Result<()> {
        self.opened.queue_syncs.sync(|| self.queue().sync())
    }

    /// What this process knows about a file of history/. Only the current day's file is remembered.
    pub(super) fn day_file(&self, path: &Path) -> Arc<DayFile> {
        let mut current = self.opened.history.lock();
        if current.0 != path {
            *current = (path.to_owned(), Arc::default());
        }
        Arc::clone(&current.1)
    }

    /// Opens a folder beside queue/, and creates it if somebody removed it.
    pub(super) fn folder(&self, name: &str) -> Result<(Folder, PathBuf), SpoolError> {
        let path = self.dir().join(name);
        let folder = match Folder::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(&path)?;
                Folder::open(&path)
            }
            other => other,
        };
        folder.map(|folder| (folder, path.clone())).map_err(SpoolError::io("open", &path))
    }

    /// All names in queue/, those of messages that get theirs now among them.
    pub(super) fn each_name(&self, mut see: impl FnMut(&str)) -> Result<(), SpoolError> {
        let path = self.dir().join("queue");
        let entries: ReadDir = fs::read_dir(&path).map_err(SpoolError::io("list", &path))?;
        let mut hidden = Vec::new();
        for entry in entries {
            match entry.map_err(SpoolError::io("list", &path))?.file_name().to_str() {
                Some(name) if name.starts_with(NEW) => hidden.push(name.to_owned()),
                name => name.into_iter().for_each(&mut see),
            }
        }
        self.recovered(&hidden)?.iter().for_each(|id| see(id.as_str()));
        Ok(())
    }
}

/// Opens a file that may have been prepared by an attacker: it follows no link and does not block on a pipe.
pub(super) fn open_regular(folder: impl AsFd, path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(folder, path, flags, Mode::RUSR | Mode::WUSR)?))
}

/// Why a file cannot be a message: it is not a regular file, or it belongs to another user.
fn foreign(stat: &Stat, us: u32) -> Option<String> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Some("it is not a file".to_owned());
    }
    somebody_elses(stat, us)
}

fn somebody_elses(stat: &Stat, us: u32) -> Option<String> {
    let owner = stat.st_uid;
    (owner != us).then(|| format!("it belongs to uid {owner}, but the spool to uid {us}"))
}

/// Whether an error of open(2) means that the name is not a regular file.
fn is_no_file(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::LOOP | Errno::NXIO | Errno::ISDIR | Errno::NODEV))
}

/// Whether an error of open(2) means that a file in drop/ or raw/ is no submission, and will not become one. A table of files that is
/// full, or a disk that fails, says nothing against the mail.
pub(super) fn is_no_submission(error: &io::Error) -> bool {
    is_no_file(error) || error.kind() == io::ErrorKind::PermissionDenied
}

pub(super) fn journal_name(id: &MessageId) -> String {
    format!("{id}.journal")
}

/// Refuses a directory in which other users could plant or remove mail.
fn refuse_foreign(path: &Path, stat: &Stat) -> Result<(), SpoolError> {
    let us = rustix::process::geteuid().as_raw();
    if stat.st_uid != us {
        return Err(SpoolError::NotOurs { path: path.to_owned(), owner: stat.st_uid, us });
    }
    let mode = stat.st_mode & 0o7777;
    if mode & 0o022 != 0 {
        return Err(SpoolError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Creates the spool and its folders. queue/ comes last, because its presence stands for all of them.
fn create_folders(dir: &Path) -> Result<(), SpoolError> {
    create(dir)?;
    let stat = rustix::fs::stat(dir).map_err(|error| SpoolError::io("read", dir)(error.into()))?;
    refuse_foreign(dir, &stat)?;
    for name in ["history", "failed", "queue"] {
        create(&dir.join(name))?;
    }
    Ok(())
}

/// Syncs the names of the spool and its folders, once. The process that created them may have been killed before it
/// did so, and then a power cut would remove everything stored below them.
///
/// The marker is only an optimisation. It is written last, so it never exists before what it stands for.
fn sync_folders(dir: &Path) -> Result<(), SpoolError> {
    let mark = dir.join(SYNCED);
    if exists(&mark)? {
        return Ok(());
    }
    let sync = |dir: &Path| File::open(dir).and_then(|dir| dir.sync_all());
    sync(dir).map_err(SpoolError::io("sync", dir))?;
    for above in dir.ancestors().skip(1).filter(|above| *above != OsStr::new("")) {
        // A directory of another user, which we may not be allowed to read, existed before the spool.
        let _ = sync(above);
    }
    // If the mark cannot be written, the next process syncs again.
    let _ = File::options().write(true).create_new(true).mode(0o600).open(mark);
    Ok(())
}

/// Creates a directory with mode 0700, and missing parents, and syncs their names.
pub(super) fn create(path: &Path) -> Result<(), SpoolError> {
    let parent = path.parent().filter(|parent| *parent != OsStr::new("")).unwrap_or(Path::new("."));
    let make = || DirBuilder::new().mode(0o700).create(path);
    let outcome = match make() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && parent != path => {
            create(parent)?;
            make()
        }
        other => other,
    };
    let sync = || File::open(parent).and_then(|parent| parent.sync_all());
    match outcome {
        Ok(()) => sync().map_err(SpoolError::io("sync", parent)),
        Err(_) if path.is_dir() => {
            // Another process may have created it just now and not synced it yet. A parent that we may not sync
            // belongs to another user and is not our concern.
            let _ = sync();
            Ok(())
        }
        Err(error) => Err(SpoolError::io("create", path)(error)),
    }
}

pub(super) fn exists(path: &Path) -> Result<bool, SpoolError> {
    fs::exists(path).map_err(SpoolError::io("look for", path))
}

pub(super) fn is_abandoned(path: &Path) -> bool {
    let age = fs::symlink_metadata(path).and_then(|m| m.modified()).map(|at| at.elapsed().unwrap_or_default());
    age.is_ok_and(|age| age > ABANDONED)
}

/// Removes a file. A missing file is not an error.
pub(super) fn unlink(path: &Path) -> Result<(), SpoolError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SpoolError::io("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
