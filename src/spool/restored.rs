//! Mail of a backup into a spool, of which the caller holds the lock. Each step may be the last before a crash, and all of them may
//! be done again: nothing is replaced, what is there stays, and content is never in queue/ without the journal that it had.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read, Write as _};

use jiff::Timestamp;
use postrider_drop::durable::{Durable, Folder};

use super::SpoolError;
use super::dropped::Place;
use super::history::{self, Record, Trace, Whose};
use super::id::MessageId;
use super::lock::RunnerLock;
use super::message_file::{Envelope, Stored};
use super::queue::{Spool, exists, journal_name, unlink};
use super::recovery::uid_in;
use super::replace::replace;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// It is in the spool now.
    Stored,
    /// It was there already.
    There,
    /// History shows that it has left a queue since.
    Sent,
}

/// What history says of messages that are in a backup.
#[derive(Debug, Default)]
pub struct Departures {
    /// When the backup was begun.
    begun: Timestamp,
    records: HashMap<MessageId, Vec<(Trace, Timestamp)>>,
}

impl Departures {
    /// Reads all history.
    pub fn read(spool: &Spool, begun: Timestamp, is_asked: impl Fn(&MessageId) -> bool) -> Result<Self, SpoolError> {
        let mut records: HashMap<MessageId, Vec<(Trace, Timestamp)>> = HashMap::new();
        history::read(spool, None, |record, _| {
            if is_asked(&record.id) {
                records.entry(record.id.clone()).or_default().push((Trace::from(record), record.finished));
            }
            true
        })?;
        Ok(Self { begun, records })
    }

    /// Whether a message has left a queue since it was copied. One that was brought back from failed/ has a record from before; its
    /// journal says who has it. Where there is none, all got it at the first attempt or none has it.
    fn has_left(&self, envelope: &Envelope, journal: &Journaled<'_>) -> bool {
        let of_it = self.records.get(&envelope.id).into_iter().flatten();
        let mut of_it = of_it.filter(|(trace, _)| trace.whose(envelope) == Whose::Its);
        of_it.any(|(trace, finished)| *finished >= self.begun || (trace.is_delivered && journal.0.is_none()))
    }
}

/// The journal of a message in the backup.
#[derive(Debug, Clone, Copy)]
pub struct Journaled<'j>(pub Option<&'j [u8]>);

impl Spool {
    /// Puts a message into queue/, its journal first, unless it is there, in failed/, or has left since.
    pub fn restore_message(
        &self,
        _lock: &RunnerLock,
        id: &MessageId,
        content: impl Read,
        journal: Journaled<'_>,
        departures: &Departures,
    ) -> Result<Restored, SpoolError> {
        let path = self.message_path(id);
        let mut file = copied(self.queue(), content).map_err(SpoolError::io("write", &path))?;
        let envelope = envelope_of(&file, id, &path)?;
        if departures.has_left(&envelope, &journal) {
            return Ok(Restored::Sent);
        }
        if self.is_in_failed(&envelope)? {
            return Ok(Restored::There);
        }
        match self.open_message(id) {
            Ok(there) if there.envelope.token == envelope.token => return Ok(Restored::There),
            Ok(_) => return Err(SpoolError::Exists(id.clone())),
            Err(SpoolError::Gone(_)) => {}
            Err(error) => return Err(error),
        }
        if let Some(lines) = journal.0 {
            let path = self.journal_path(id);
            // One without content is of a message that has left; this one is of the message that comes.
            unlink(&path)?;
            let mut file = copied(self.queue(), lines).map_err(SpoolError::io("write", &path))?;
            file.keep([journal_name(id)], &Folder::sync).map_err(|failure| SpoolError::not_kept(path, failure))?;
        }
        file.keep([id.as_str()], &Folder::sync).map_err(|failure| SpoolError::not_kept(path, failure))?;
        Ok(Restored::Stored)
    }

    /// Whether failed/ has the message, which was moved there while it was copied, or since.
    fn is_in_failed(&self, envelope: &Envelope) -> Result<bool, SpoolError> {
        if !exists(&self.dir().join("failed").join(envelope.id.as_str()))? {
            return Ok(false);
        }
        Ok(self.open_failed(&envelope.id).is_ok_and(|there| there.envelope.token == envelope.token))
    }

    /// Puts a file into failed/, or a submission into raw/, unless one of its name is there.
    pub fn restore_file(
        &self,
        _lock: &RunnerLock,
        folder: &str,
        name: &str,
        content: impl Read,
    ) -> Result<Restored, SpoolError> {
        let (opened, dir) = self.folder(folder)?;
        let path = dir.join(name);
        if exists(&path)? || (folder == Place::Raw.folder() && uid_in(name).is_none()) {
            return Ok(Restored::There);
        }
        let mut file = copied(&opened, content).map_err(SpoolError::io("write", &path))?;
        file.keep([name], &Folder::sync).map_err(|failure| SpoolError::not_kept(path, failure))?;
        Ok(Restored::Stored)
    }

    /// Adds the records of a day that history/ does not have.
    pub fn restore_history(&self, _lock: &RunnerLock, day: &str, lines: impl Read) -> Result<(), SpoolError> {
        let (folder, dir) = self.folder("history")?;
        let path = dir.join(day);
        let mut known = HashSet::new();
        let old = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other.map_err(SpoolError::io("read", &path))?,
        };
        known.extend(old.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
        let mut added = Vec::new();
        for line in BufReader::new(lines).split(b'\n') {
            let line = line.map_err(SpoolError::io("copy", &path))?;
            if !known.contains(&line) && serde_json::from_slice::<Record>(&line).is_ok() {
                added.extend_from_slice(&line);
                added.push(b'\n');
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        let new = Durable::create(&folder, 0o600).map_err(SpoolError::io("create", &path))?;
        let gap: &[u8] = if old.is_empty() || old.ends_with(b"\n") { b"" } else { b"\n" };
        let written = [&old, gap, &added].iter().try_for_each(|part| new.file().write_all(part));
        written.map_err(SpoolError::io("write", &path))?;
        replace(&folder, new, &path)
    }
}

/// A new file with this content, which has no name yet.
fn copied(folder: &Folder, mut content: impl Read) -> io::Result<Durable> {
    let file = Durable::create(folder, 0o600)?;
    io::copy(&mut content, &mut file.file())?;
    Ok(file)
}

fn envelope_of(file: &Durable, id: &MessageId, path: &std::path::Path) -> Result<Envelope, SpoolError> {
    let read = |error| SpoolError::io("read", path)(error);
    let length = file.file().metadata().map_err(read)?.len();
    let stored = Stored::of_length(file.file().try_clone().map_err(read)?, length, path.to_owned(), id)?;
    stored.verify()?;
    Ok(stored.envelope)
}

/// The messages of a backup's queue/, each with whether it has a journal, by the names of its files.
#[must_use]
pub fn messages<'n>(names: impl Iterator<Item = &'n str>) -> BTreeMap<MessageId, bool> {
    let (mut ids, mut journals) = (Vec::new(), HashSet::new());
    for name in names {
        match name.strip_suffix(".journal") {
            Some(id) => journals.extend(MessageId::parse(id)),
            None => ids.extend(MessageId::parse(name)),
        }
    }
    ids.into_iter().map(|id| (id.clone(), journals.contains(&id))).collect()
}
