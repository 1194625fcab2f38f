//! failed/: what was neither delivered nor returned, or was no message at all, each with
//! ID.reason beside it. Setting aside, looking at it, bringing back, ageing out.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use postrider_drop::durable::{Durable, Folder};
use rustix::fs::{CWD, OFlags};

use super::SpoolError;
use super::id::MessageId;
use super::message_file::Stored;
use super::queue::{Spool, exists, journal_name, open_regular, unlink};
use super::replace::replace;
use super::usage_table::Folder as Counted;
use crate::sys::descriptor::rename_without_replacing;

const FOLDER: &str = "failed";
const REASON: &str = ".reason";
const JOURNAL: &str = ".journal";

impl Spool {
    /// Moves message and journal to failed/ and writes ID.reason beside them, durably.
    pub fn set_aside(&self, id: &MessageId, reason: &str) -> Result<(), SpoolError> {
        let name = self.set_name_aside(id.as_str(), reason)?.ok_or_else(|| SpoolError::Gone(id.clone()))?;
        self.move_journal_of(id, &name)
    }

    /// Moves any file of queue/ to failed/; its name there, or nothing where it is in neither. One that is there under
    /// this name already is not replaced: the newcomer gets a number.
    pub(super) fn set_name_aside(&self, waiting: &str, reason: &str) -> Result<Option<String>, SpoolError> {
        let (folder, dir) = self.folder(FOLDER)?;
        let (from, name) = (self.dir().join("queue").join(waiting), waiting);
        let is_waiting = fs::symlink_metadata(&from).is_ok();
        if !is_waiting && !exists(&dir.join(name))? {
            return Ok(None);
        }
        let name = if is_waiting { free_name(&dir, name)? } else { name.to_owned() };
        write_reason(&folder, &dir, &name, reason)?;
        // Content first: a journal without content is harmless, content without journal would be sent anew.
        if is_waiting {
            move_to(&from, &dir.join(&name))?;
        }
        self.usage_table().rename((Counted::Queue, waiting), (Counted::Failed, &name));
        folder.sync().map_err(SpoolError::io("sync", &dir))?;
        self.sync_queue()?;
        Ok(Some(name))
    }

    /// Moves a file of the spool to failed/, with the reason beside it.
    pub(super) fn set_file_aside(&self, from: &Path, name: &str, reason: &str) -> Result<(), SpoolError> {
        let (folder, dir) = self.folder(FOLDER)?;
        let name = free_name(&dir, name)?;
        write_reason(&folder, &dir, &name, reason)?;
        move_to(from, &dir.join(&name))?;
        self.count_failed(&name);
        folder.sync().map_err(SpoolError::io("sync", &dir))
    }

    /// The journal follows its message after a crash, or goes where the message is in neither folder.
    pub(super) fn move_journal(&self, id: &MessageId) -> Result<(), SpoolError> {
        let (_, dir) = self.folder(FOLDER)?;
        for name in numbered(id.as_str()) {
            if !exists(&dir.join(&name))? {
                break;
            }
            if !exists(&dir.join(format!("{name}{JOURNAL}")))? {
                return self.move_journal_of(id, &name);
            }
        }
        unlink(&self.journal_path(id))
    }

    /// The journal follows its message, which is there under this name.
    fn move_journal_of(&self, id: &MessageId, name: &str) -> Result<(), SpoolError> {
        let (folder, dir) = self.folder(FOLDER)?;
        let path = self.journal_path(id);
        match fs::rename(&path, dir.join(format!("{name}{JOURNAL}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SpoolError::io("move", path)(error)),
            Ok(()) | Err(_) => folder.sync().map_err(SpoolError::io("sync", &dir)),
        }
    }

    /// Ids of messages in failed/, oldest first. Foreign files there have none.
    pub fn failed_ids(&self) -> Result<Vec<MessageId>, SpoolError> {
        let mut ids: Vec<MessageId> = self.failed_names()?.iter().filter_map(|name| MessageId::parse(name)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// What is in failed/, in order of name: messages by their ids, and whatever else was set aside by its own name.
    pub fn failed(&self) -> Result<Vec<String>, SpoolError> {
        let is_journal = |name: &str| name.strip_suffix(JOURNAL).is_some_and(|of| id_of(of).is_some());
        let mut names = self.failed_names()?;
        names.retain(|name| !name.ends_with(REASON) && !is_journal(name));
        names.sort_unstable();
        Ok(names)
    }

    fn failed_names(&self) -> Result<Vec<String>, SpoolError> {
        let dir = self.dir().join(FOLDER);
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(SpoolError::io("list", &dir))?,
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect::<io::Result<_>>().map_err(SpoolError::io("list", &dir))
    }

    pub(super) fn failed_path(&self, name: &str) -> PathBuf {
        self.dir().join(FOLDER).join(name)
    }

    /// Opens a message in failed/ by the name that it has there.
    pub fn open_failed_name(&self, name: &str) -> Result<Stored, SpoolError> {
        let path = self.failed_path(name);
        let id = id_of(name).ok_or_else(|| SpoolError::damaged(&path, "its name is not a message id"))?;
        let file = open_regular(CWD, &path, OFlags::RDONLY).map_err(SpoolError::io("open", &path))?;
        Stored::open(file, path, &id)
    }

    /// Opens a message in failed/.
    pub fn open_failed(&self, id: &MessageId) -> Result<Stored, SpoolError> {
        let path = self.failed_path(id.as_str());
        match open_regular(CWD, &path, OFlags::RDONLY) {
            Ok(file) => Stored::open(file, path, id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SpoolError::Gone(id.clone())),
            Err(error) => Err(SpoolError::io("open", path)(error)),
        }
    }

    /// Why it is in failed/, in the words that were written then.
    #[must_use]
    pub fn failed_reason(&self, name: &str) -> String {
        let reason = fs::read_to_string(self.failed_path(&format!("{name}{REASON}"))).unwrap_or_default();
        reason.trim_end().to_owned()
    }

    /// Back to queue/, with its journal: that first, so that what was delivered is known at every instant.
    pub fn bring_back(&self, id: &MessageId) -> Result<(), SpoolError> {
        let (folder, dir) = self.folder(FOLDER)?;
        for (name, to) in [(journal_name(id), self.journal_path(id)), (id.to_string(), self.message_path(id))] {
            let from = dir.join(&name);
            match rename_without_replacing(&from, &to).map_err(|error| (error.kind(), error)) {
                Ok(()) | Err((io::ErrorKind::NotFound, _)) => {}
                Err((io::ErrorKind::AlreadyExists, _)) => return Err(SpoolError::Exists(id.clone())),
                Err((_, error)) => return Err(SpoolError::io("move", from)(error)),
            }
            self.sync_queue()?;
        }
        self.usage_table().rename((Counted::Failed, id.as_str()), (Counted::Queue, id.as_str()));
        folder.sync().map_err(SpoolError::io("sync", &dir))?;
        unlink(&self.failed_path(&format!("{id}{REASON}")))
    }

    /// Removes a message of failed/ for good (history comes first).
    pub fn remove_failed(&self, id: &MessageId) -> Result<(), SpoolError> {
        for name in [id.to_string(), journal_name(id), format!("{id}{REASON}")] {
            unlink(&self.failed_path(&name))?;
        }
        self.usage_table().take(Counted::Failed, id.as_str());
        Ok(())
    }

    /// Removes what was set aside before that, by the time of its reason; the names, for the log.
    pub fn age_out(&self, lifetime: Duration, age: impl Fn(Timestamp) -> Duration) -> Result<Vec<String>, SpoolError> {
        let mut gone = Vec::new();
        for reason in self.failed_names()?.iter().filter(|name| name.ends_with(REASON)) {
            let path = self.failed_path(reason);
            let written = fs::metadata(&path).and_then(|file| file.modified()).map(Timestamp::try_from);
            let Ok(Ok(written)) = written else { continue };
            let name = reason.trim_end_matches(REASON);
            if age(written) < lifetime {
                continue;
            }
            let content = self.failed_path(name);
            if content.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                fs::remove_dir_all(&content).map_err(SpoolError::io("remove", content))?;
            } else {
                unlink(&content)?;
            }
            unlink(&self.failed_path(&format!("{name}{JOURNAL}")))?;
            unlink(&path)?;
            self.usage_table().take(Counted::Failed, name);
            gone.push(name.to_owned());
        }
        Ok(gone)
    }
}

/// A name, and the same with numbers.
fn numbered(name: &str) -> impl Iterator<Item = String> + '_ {
    (0..10_000_u32).map(move |number| if number == 0 { name.to_owned() } else { format!("{name}-{number}") })
}

/// The message that a name in failed/ stands for.
pub(super) fn id_of(name: &str) -> Option<MessageId> {
    MessageId::parse(name.split_once('-').map_or(name, |(id, _)| id))
}

/// The first of its names that nothing there has: only the runner puts anything there.
fn free_name(dir: &Path, name: &str) -> Result<String, SpoolError> {
    for name in numbered(name) {
        if fs::symlink_metadata(dir.join(&name)).is_err() {
            return Ok(name);
        }
    }
    Err(SpoolError::io("find a name in", dir)(io::ErrorKind::AlreadyExists.into()))
}

fn move_to(from: &Path, to: &Path) -> Result<(), SpoolError> {
    let moved = match rename_without_replacing(from, to) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => fs::rename(from, to),
        moved => moved,
    };
    moved.map_err(SpoolError::io("move", from))
}

fn write_reason(folder: &Folder, dir: &Path, name: &str, reason: &str) -> Result<(), SpoolError> {
    let name = format!("{name}{REASON}");
    let path = dir.join(&name);
    let file = Durable::create(folder, 0o600).map_err(SpoolError::io("create", &path))?;
    writeln!(file.file(), "{}", reason.trim_end()).map_err(SpoolError::io("write", &path))?;
    replace(folder, file, &path)
}
