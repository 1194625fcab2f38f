//! failed/: messages that were neither delivered nor returned, and files that were not messages at all. ID.reason
//! beside each says why. This file sets mail aside, opens it, brings it back and removes it after its time.
//!
//! What is here exists nowhere else, so nothing may overwrite it: names that are taken get a number, and moves do not
//! replace. A move has several steps, and a crash may come after each. The rule for their order is the same in both
//! directions: content must never be in queue/ without the journal that says who has it already.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use postrider_drop::durable::{Durable, Folder};
use rustix::fs::{CWD, OFlags};

use super::SpoolError;
use super::dropped::Place;
use super::id::MessageId;
use super::message_file::{Envelope, Stored};
use super::queue::{Spool, exists, journal_name, open_regular, unlink};
use super::recovery;
use super::replace::replace;
use super::usage_table::Folder as Counted;
use super::writer::Incoming;
use crate::sys::descriptor::rename_without_replacing;

const FOLDER: &str = "failed";
const REASON: &str = ".reason";
const JOURNAL: &str = ".journal";
const DAMAGED: &str = ".journal.damaged";

impl Spool {
    /// Moves a message and its journal to failed/ and writes ID.reason, durably.
    pub fn set_aside(&self, id: &MessageId, reason: &str) -> Result<(), SpoolError> {
        let name = self.set_name_aside(id.as_str(), reason)?.ok_or_else(|| SpoolError::Gone(id.clone()))?;
        self.move_journal_of(id, &name)
    }

    /// Moves any file of queue/ to failed/. Returns its name there, or `None` if it is in neither folder. Nothing in
    /// failed/ is overwritten: if the name is taken, the new file gets a number.
    pub(super) fn set_name_aside(&self, waiting: &str, reason: &str) -> Result<Option<String>, SpoolError> {
        let (folder, dir) = self.folder(FOLDER)?;
        let (from, name) = (self.dir().join("queue").join(waiting), waiting);
        // If it is in failed/ already, a crash interrupted an earlier call after the move. The rest of the steps
        // follow.
        let is_waiting = fs::symlink_metadata(&from).is_ok();
        if !is_waiting && !exists(&dir.join(name))? {
            return Ok(None);
        }
        let name = if is_waiting { free_name(&dir, name)? } else { name.to_owned() };
        write_reason(&folder, &dir, &name, reason)?;
        // Content first: a journal without content is harmless, but content without its journal would be sent again.
        if is_waiting {
            move_to(&from, &dir.join(&name))?;
        }
        self.usage_table().rename((Counted::Queue, waiting), (Counted::Failed, &name));
        folder.sync().map_err(SpoolError::io("sync", &dir))?;
        self.sync_queue()?;
        Ok(Some(name))
    }

    /// Moves any file of the spool to failed/, with the reason beside it.
    pub(super) fn set_file_aside(&self, from: &Path, name: &str, reason: &str) -> Result<(), SpoolError> {
        let (folder, dir) = self.folder(FOLDER)?;
        let name = free_name(&dir, name)?;
        write_reason(&folder, &dir, &name, reason)?;
        move_to(from, &dir.join(&name))?;
        self.count_failed(&name);
        folder.sync().map_err(SpoolError::io("sync", &dir))
    }

    /// Completes a move that a crash interrupted: the journal follows its message, or is removed if the message is in
    /// neither folder.
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

    /// Moves the journal to the message that is in failed/ under this name.
    fn move_journal_of(&self, id: &MessageId, name: &str) -> Result<(), SpoolError> {
        let (folder, dir) = self.folder(FOLDER)?;
        let path = self.journal_path(id);
        match fs::rename(&path, dir.join(format!("{name}{JOURNAL}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SpoolError::io("move", path)(error)),
            Ok(()) | Err(_) => folder.sync().map_err(SpoolError::io("sync", &dir)),
        }
    }

    /// Ids of the messages in failed/, oldest first. Other files are left out.
    pub fn failed_ids(&self) -> Result<Vec<MessageId>, SpoolError> {
        let mut ids: Vec<MessageId> = self.failed_names()?.iter().filter_map(|name| MessageId::parse(name)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Everything in failed/, sorted by name: messages by id, other files by their own name.
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

    /// Opens a message in failed/ by its name there, which may have a number.
    pub fn open_failed_name(&self, name: &str) -> Result<Stored, SpoolError> {
        let path = self.failed_path(name);
        let id = id_of(name).ok_or_else(|| SpoolError::damaged(&path, "its name is not a message id"))?;
        let file = open_regular(CWD, &path, OFlags::RDONLY).map_err(SpoolError::io("open", &path))?;
        Stored::open(file, path, &id)
    }

    /// Opens a message in failed/ by its id.
    pub fn open_failed(&self, id: &MessageId) -> Result<Stored, SpoolError> {
        let path = self.failed_path(id.as_str());
        match open_regular(CWD, &path, OFlags::RDONLY) {
            Ok(file) => Stored::open(file, path, id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SpoolError::Gone(id.clone())),
            Err(error) => Err(SpoolError::io("open", path)(error)),
        }
    }

    /// Why it was set aside, as written at that time.
    #[must_use]
    pub fn failed_reason(&self, name: &str) -> String {
        match fs::read_to_string(self.failed_path(&format!("{name}{REASON}"))) {
            Ok(reason) if !reason.trim().is_empty() => reason.trim_end().to_owned(),
            Ok(_) | Err(_) => "no reason is recorded".to_owned(),
        }
    }

    /// Moves a message back to queue/. Its journal goes first: at no moment may the content be in queue/ without the
    /// record of who already has it.
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

    /// Copies a message back to queue/ under a new id, because another message has its old one. Returns the new id.
    /// The journal goes first, as in [`Self::bring_back`].
    ///
    /// The envelope has the id, so the message is copied and not renamed. If copying fails, the journal goes back: it
    /// belongs to the message that stayed.
    pub fn bring_back_as_new(&self, name: &str) -> Result<MessageId, SpoolError> {
        let stored = self.open_failed_name(name)?;
        let (folder, dir) = self.folder(FOLDER)?;
        let mut id = MessageId::fresh(Timestamp::now());
        while self.holds(&id) || exists(&self.journal_path(&id))? {
            id = id.next();
        }
        let (journal, new_journal) = (dir.join(format!("{name}{JOURNAL}")), self.journal_path(&id));
        let has_journal = exists(&journal)?;
        if has_journal {
            move_to(&journal, &new_journal)?;
            self.sync_queue()?;
        }
        let copied = self.copy_as(&stored, &id);
        if copied.is_err() && has_journal {
            move_to(&new_journal, &journal)?;
        }
        copied?;
        unlink(&dir.join(name))?;
        unlink(&dir.join(format!("{name}{REASON}")))?;
        self.usage_table().take(Counted::Failed, name);
        folder.sync().map_err(SpoolError::io("sync", &dir))?;
        Ok(id)
    }

    fn copy_as(&self, stored: &Stored, id: &MessageId) -> Result<(), SpoolError> {
        let read = |error| SpoolError::io("read", self.failed_path(stored.envelope.id.as_str()))(error);
        let mut new = Incoming::begin(self, Envelope { id: id.clone(), ..stored.envelope.clone() })?;
        let (mut content, mut piece) = (stored.content().map_err(read)?, vec![0; 64 << 10]);
        loop {
            match content.read(&mut piece) {
                Ok(0) => break,
                Ok(octets) => new.write(&piece[..octets])?,
                Err(error) => return Err(read(error)),
            }
        }
        new.commit().map(drop)
    }

    /// Moves a submission that was set aside to raw/, where it is picked up again.
    pub fn resubmit_failed(&self, name: &str) -> Result<(), SpoolError> {
        let path = self.failed_path(name);
        let damaged = |what: &str| SpoolError::damaged(&path, what);
        let uid = recovery::uid_in(name).ok_or_else(|| damaged("its name is neither an id nor a submission's"))?;
        let seen = fs::symlink_metadata(&path).map_err(SpoolError::io("read", &path))?;
        let us = rustix::process::geteuid().as_raw();
        // The file came from drop/, where its owner chose the name. Without this check a name with another uid would
        // send mail as that user.
        if !seen.is_file() || (seen.uid() != uid && seen.uid() != us) {
            return Err(damaged("it does not belong to the user in its name"));
        }
        self.folder(Place::Raw.folder())?;
        let raw = self.dir().join(Place::Raw.folder());
        let to = free_name(&raw, &format!("{uid}.{}", MessageId::fresh(Timestamp::now())))?;
        move_to(&path, &raw.join(&to))?;
        self.usage_table().rename((Counted::Failed, name), (Counted::Raw, &to));
        let (folder, _) = self.folder(Place::Raw.folder())?;
        folder.sync().map_err(SpoolError::io("sync", &raw))?;
        unlink(&self.failed_path(&format!("{name}{REASON}")))
    }

    /// Keeps an unreadable journal for inspection, under a name that cannot be mistaken for a message's journal.
    pub(super) fn keep_damaged_journal(&self, name: &str) -> Result<(), SpoolError> {
        let (folder, dir) = self.folder(FOLDER)?;
        let kept = free_name(&dir, &format!("{name}{DAMAGED}"))?;
        write_reason(
            &folder,
            &dir,
            &kept,
            &format!("the damaged journal of message {name}, which went back to the queue"),
        )?;
        move_to(&dir.join(format!("{name}{JOURNAL}")), &dir.join(kept))
    }

    /// Replaces the journal of a message in failed/.
    pub(super) fn write_failed_journal(&self, name: &str, lines: &[u8]) -> Result<(), SpoolError> {
        let (folder, dir) = self.folder(FOLDER)?;
        let path = dir.join(format!("{name}{JOURNAL}"));
        let file = Durable::create(&folder, 0o600).map_err(SpoolError::io("create", &path))?;
        file.file().write_all(lines).map_err(SpoolError::io("write", &path))?;
        replace(&folder, file, &path)
    }

    /// Removes a name from failed/ for good. The history record is written before.
    ///
    /// The mail goes first and its reason last: if this is interrupted, `age_out` still finds the reason, and with it
    /// the rest.
    pub fn remove_failed(&self, name: &str) -> Result<(), SpoolError> {
        let path = self.failed_path(name);
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            fs::remove_dir_all(&path).map_err(SpoolError::io("remove", &path))?;
        } else {
            unlink(&path)?;
        }
        for beside in [format!("{name}{JOURNAL}"), format!("{name}{REASON}")] {
            unlink(&self.failed_path(&beside))?;
        }
        self.usage_table().take(Counted::Failed, name);
        Ok(())
    }

    /// Removes what `is_over` finds old enough, given its name and the time of its reason file. Returns the names,
    /// for the log.
    pub fn age_out(&self, mut is_over: impl FnMut(&str, Timestamp) -> bool) -> Result<Vec<String>, SpoolError> {
        let mut gone = Vec::new();
        for reason in self.failed_names()?.iter().filter(|name| name.ends_with(REASON)) {
            let path = self.failed_path(reason);
            let written = fs::metadata(&path).and_then(|file| file.modified()).map(Timestamp::try_from);
            let Ok(Ok(written)) = written else { continue };
            let name = reason.trim_end_matches(REASON);
            if !is_over(name, written) {
                continue;
            }
            self.remove_failed(name)?;
            gone.push(name.to_owned());
        }
        Ok(gone)
    }
}

/// The name, then the same name with numbers appended.
fn numbered(name: &str) -> impl Iterator<Item = String> + '_ {
    (0..10_000_u32).map(move |number| if number == 0 { name.to_owned() } else { format!("{name}-{number}") })
}

/// The message id in a name of failed/, without its number.
pub(super) fn id_of(name: &str) -> Option<MessageId> {
    MessageId::parse(name.split_once('-').map_or(name, |(id, _)| id))
}

/// Whether this is a message or a submission, as opposed to a file kept for inspection only.
#[must_use]
pub fn is_mail(name: &str) -> bool {
    id_of(name).is_some() || (recovery::uid_in(name).is_some() && !name.ends_with(DAMAGED))
}

/// The first of these names that is free. There is no race: only the runner creates files in these folders.
fn free_name(dir: &Path, name: &str) -> Result<String, SpoolError> {
    for name in numbered(name) {
        if fs::symlink_metadata(dir.join(&name)).is_err() {
            return Ok(name);
        }
    }
    Err(SpoolError::io("find a name in", dir)(io::ErrorKind::AlreadyExists.into()))
}

/// Some file systems cannot rename without replacing (`EINVAL`, renameat2(2)). The name was free a moment ago, and
/// only the runner uses this folder.
fn move_to(from: &Path, to: &Path) -> Result<(), SpoolError> {
    let moved = match rename_without_replacing(from, to) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => fs::rename(from, to),
        moved => moved,
    };
    moved.map_err(SpoolError::io("move", from))
}

/// Callers write it before they move the file, so that no file is ever there without its reason.
fn write_reason(folder: &Folder, dir: &Path, name: &str, reason: &str) -> Result<(), SpoolError> {
    let name = format!("{name}{REASON}");
    let path = dir.join(&name);
    let file = Durable::create(folder, 0o600).map_err(SpoolError::io("create", &path))?;
    writeln!(file.file(), "{}", reason.trim_end()).map_err(SpoolError::io("write", &path))?;
    replace(folder, file, &path)
}
