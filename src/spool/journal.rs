//! A message's journal (ID.journal): an append-only record of its attempts and outcomes, as JSON lines with a
//! checksum each. postrider-formats(5), "Journal", defines the format.
//!
//! The journal is what prevents duplicates: an outcome counts only once its line is synced, and a message is sent
//! only to recipients without a final outcome. So a reader must tell two kinds of bad lines apart. An incomplete end
//! is normal after a crash and means that the last append did not happen. A bad line with later appends after it
//! means that the file was damaged, and that nobody can say who already received the message.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use jiff::Timestamp;
use postrider_drop::durable::Durable;
use rustix::fs::{AtFlags, OFlags};

use super::SpoolError;
use super::id::MessageId;
use super::journal_line::{self, Line, MAX_LINE, NoLine, Written};
use super::queue::{Spool, journal_name};
use super::replace::replace;
use super::state::State;
use super::usage_table::Folder;

/// The replayed state, and where the next append goes.
#[derive(Debug)]
struct Replay {
    state: State,
    /// Total length of the valid lines in bytes.
    good: u64,
    /// Whether bytes that are not a valid line follow them.
    torn: bool,
}

impl Replay {
    fn new(recipients: usize) -> Self {
        Self { state: State::new(recipients), good: 0, torn: false }
    }
}

/// Why a journal could not be replayed.
#[derive(Debug)]
enum NoReplay {
    Io(io::Error),
    Damaged(String),
}

/// Calls `see` for each line. Returns whether the end is torn.
///
/// A bad line is a torn end if all later lines belong to the same append: lines that were synced together may reach
/// the disk in any order, but no append begins before the one before it was synced. Any other line after a bad one
/// means damage.
fn each_line(
    mut input: impl BufRead,
    mut see: impl FnMut(Timestamp, Line, u64) -> Result<(), String>,
) -> Result<bool, NoReplay> {
    let (mut bytes, mut number, mut offset) = (Vec::new(), 0_u64, 0_u64);
    // Number and offset of the first bad line.
    let mut torn: Option<(u64, u64)> = None;
    loop {
        bytes.clear();
        let read = input.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut bytes).map_err(NoReplay::Io)?;
        if read == 0 {
            return Ok(torn.is_some());
        }
        number += 1;
        match (journal_line::decode(&bytes), torn) {
            (Err(NoLine::Torn), _) => torn = torn.or(Some((number, offset))),
            // The line belongs to the append that lost the bad one: it began at or before that place.
            (Ok(Written { append_at: Some(begun), .. }), Some((_, lost))) if begun <= lost => {}
            (Ok(_) | Err(NoLine::Strange(_)), Some((torn, _))) => {
                return Err(NoReplay::Damaged(format!("line {torn} is incomplete, but others follow it")));
            }
            (Err(NoLine::Strange(what)), None) => {
                return Err(NoReplay::Damaged(format!("line {number} cannot be read ({what})")));
            }
            (Ok(Written { at, line, .. }), None) => {
                see(at, line, read as u64).map_err(|what| NoReplay::Damaged(format!("line {number}: {what}")))?;
            }
        }
        offset += read as u64;
    }
}

fn replay(input: impl BufRead, recipients: usize) -> Result<Replay, NoReplay> {
    let mut replay = Replay::new(recipients);
    replay.torn = each_line(input, |at, line, octets| {
        replay.good += octets;
        replay.state.apply(at, &line)
    })?;
    Ok(replay)
}

/// What must be done to the file before the next append.
///
/// Every write sets this to the worst case first and to `Nothing` only after it succeeded, so that an early return of
/// any kind leaves the right value behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The file is ready.
    Nothing,
    /// The file must be created, or has no line yet: its name must be synced first.
    SyncName,
    /// The bytes after the valid lines must be cut off.
    Cut,
    /// The file must be copied. A sync failed, and Linux may then drop the unwritten pages but report success for the
    /// next sync (see fsync(2)), so the old file cannot be trusted.
    Rewrite,
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    spool: Spool,
    id: MessageId,
    file: Option<File>,
    before: Before,
    replay: Replay,
}

impl Journal {
    /// Opens the journal without creating it, and replays it. A torn end is cut off before the next append.
    pub fn open(spool: &Spool, id: &MessageId, recipients: usize) -> Result<Self, SpoolError> {
        let file = open_file(spool, id, OFlags::RDWR)?;
        let replay = match &file {
            Some(file) => replay(BufReader::new(file), recipients).map_err(|e| no_replay(spool, id, e))?,
            None => Replay::new(recipients),
        };
        let before = match (replay.torn, replay.good) {
            (true, _) => Before::Cut,
            (false, 0) => Before::SyncName,
            (false, _) => Before::Nothing,
        };
        Ok(Self { spool: spool.clone(), id: id.clone(), file, before, replay })
    }

    /// Reads the state without changing anything, for commands that run beside the runner.
    pub fn peek(spool: &Spool, id: &MessageId, recipients: usize) -> Result<State, SpoolError> {
        match open_file(spool, id, OFlags::RDONLY)? {
            Some(file) => {
                let replay = replay(BufReader::new(file), recipients).map_err(|e| no_replay(spool, id, e))?;
                Ok(replay.state)
            }
            None => Ok(State::new(recipients)),
        }
    }

    /// Rebuilds the unreadable journal of a message in failed/ from the lines that can be read, and keeps the damaged
    /// file. A lost line may cause a duplicate, but never a lost message.
    pub fn salvage_failed(spool: &Spool, id: &MessageId, recipients: usize) -> Result<(), SpoolError> {
        let path = spool.failed_path(&journal_name(id));
        let text = std::fs::read(&path).map_err(SpoolError::io("read", &path))?;
        let (mut replay, mut good) = (Replay::new(recipients), Vec::new());
        for line in text.split_inclusive(|octet| *octet == b'\n') {
            let Ok(Written { at, line, .. }) = journal_line::decode(line) else { continue };
            if replay.state.apply(at, &line).is_ok() {
                // Each line stands alone, because the rest of its append may be missing.
                let encoded = journal_line::encode(at, &line, None);
                good.extend_from_slice(&encoded.map_err(|error| SpoolError::damaged(&path, error.to_string()))?);
            }
        }
        spool.keep_damaged_journal(id.as_str())?;
        spool.write_failed_journal(id.as_str(), &good)
    }

    /// The state of a message in failed/.
    pub fn peek_failed(spool: &Spool, id: &MessageId, recipients: usize) -> Result<State, SpoolError> {
        let path = spool.failed_path(&journal_name(id));
        match File::open(&path) {
            Ok(file) => {
                let replayed = replay(BufReader::new(file), recipients).map_err(|why| no_replay_of(path, why));
                replayed.map(|replay| replay.state)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::new(recipients)),
            Err(error) => Err(SpoolError::io("open", path)(error)),
        }
    }

    /// All lines with their times, oldest first, for display.
    pub fn lines(spool: &Spool, id: &MessageId) -> Result<Vec<(Timestamp, Line)>, SpoolError> {
        let mut lines = Vec::new();
        if let Some(file) = open_file(spool, id, OFlags::RDONLY)? {
            let keep = |at, line, _| {
                lines.push((at, line));
                Ok(())
            };
            each_line(BufReader::new(file), keep).map_err(|error| no_replay(spool, id, error))?;
        }
        Ok(lines)
    }

    /// All readable lines of a message in failed/, for display.
    #[must_use]
    pub fn lines_failed(spool: &Spool, id: &MessageId) -> Vec<(Timestamp, Line)> {
        let text = std::fs::read(spool.failed_path(&journal_name(id))).unwrap_or_default();
        let lines = text.split_inclusive(|octet| *octet == b'\n');
        lines.filter_map(|line| journal_line::decode(line).ok()).map(|written| (written.at, written.line)).collect()
    }

    /// The state that the journal describes.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.replay.state
    }

    /// Whether the file on disk is still the one that was replayed, with the same length, and the message is still in
    /// queue/. Commands may delete or change a message while the runner keeps its journal open.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let named = rustix::fs::statat(self.spool.queue(), journal_name(&self.id), AtFlags::SYMLINK_NOFOLLOW);
        let (Some(Ok(open)), Ok(named)) = (self.file.as_ref().map(rustix::fs::fstat), named) else { return false };
        let is_whole = self.before == Before::Nothing && u64::try_from(named.st_size) == Ok(self.replay.good);
        is_whole && (open.st_dev, open.st_ino) == (named.st_dev, named.st_ino) && self.spool.holds(&self.id)
    }

    /// Whether nothing was ever written to this journal, not even in part.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.file.is_none() && self.before == Before::SyncName
    }

    /// Appends one write per line, then syncs once. The first append to a new journal also syncs queue/.
    ///
    /// If it fails, nothing of it counts: the state is unchanged, and the same lines may be appended again.
    ///
    /// A write per line and no line across writes: each line carries its own checksum and the offset at which its
    /// append began, which is what lets a reader tell a torn end from damage.
    pub fn append(&mut self, at: Timestamp, lines: &[Line]) -> Result<(), SpoolError> {
        if lines.is_empty() {
            return Ok(());
        }
        let encoded = self.encode(at, lines)?;
        self.make_ready()?;
        let path = self.spool.journal_path(&self.id);
        let Some(file) = &self.file else { return Err(SpoolError::Gone(self.id.clone())) };
        let mut end = self.replay.good;
        self.before = Before::Cut;
        for line in &encoded {
            file.write_all_at(line, end).map_err(SpoolError::io("write", &path))?;
            end += line.len() as u64;
        }
        self.before = Before::Rewrite;
        file.sync_data().map_err(SpoolError::io("sync", &path))?;
        self.before = Before::Nothing;
        self.spool.usage_table().grow(Folder::Queue, self.id.as_str(), end - self.replay.good);
        self.replay.good = end;
        lines
            .iter()
            .try_for_each(|line| self.replay.state.apply(at, line))
            .map_err(|what| SpoolError::damaged(path, what))
    }

    /// Appends a line without a sync. A power cut or a failed append may remove it.
    pub fn hint(&mut self, at: Timestamp, line: &Line) -> Result<(), SpoolError> {
        let encoded = self.encode(at, std::slice::from_ref(line))?.concat();
        self.make_ready()?;
        let path = self.spool.journal_path(&self.id);
        let Some(file) = &self.file else { return Err(SpoolError::Gone(self.id.clone())) };
        // The next append either syncs this line too, or overwrites it.
        self.before = Before::Cut;
        file.write_all_at(&encoded, self.replay.good).map_err(SpoolError::io("write", path))
    }

    fn encode(&self, at: Timestamp, lines: &[Line]) -> Result<Vec<Vec<u8>>, SpoolError> {
        let refused = |what| SpoolError::damaged(self.spool.journal_path(&self.id), what);
        let append_at = (lines.len() > 1).then_some(self.replay.good);
        let encode = |line: &Line| match line {
            Line::Outcome { recipient, .. } | Line::Replaced(recipient)
                if *recipient >= self.state().recipients.len() =>
            {
                Err(refused(format!("cannot record an outcome for recipient {recipient}, who is not in the envelope")))
            }
            _ => journal_line::encode(at, line, append_at).map_err(|error| refused(error.to_string())),
        };
        lines.iter().map(encode).collect()
    }

    fn make_ready(&mut self) -> Result<(), SpoolError> {
        let path = self.spool.journal_path(&self.id);
        match self.before {
            Before::Nothing => return Ok(()),
            Before::SyncName => {
                let name = journal_name(&self.id);
                let file = self.spool.open_in_queue(&name, OFlags::RDWR | OFlags::CREATE);
                self.file = Some(file.map_err(SpoolError::io("create", &path))?);
                // Sync the name before the first line is written: a line found later proves that its append was
                // complete, name included.
                self.spool.sync_queue()?;
            }
            Before::Cut => {
                let Some(file) = &self.file else { return Err(SpoolError::Gone(self.id.clone())) };
                file.set_len(self.replay.good).map_err(SpoolError::io("cut", &path))?;
                self.before = Before::Rewrite;
                file.sync_data().map_err(SpoolError::io("sync", &path))?;
                if self.replay.good == 0 {
                    self.before = Before::SyncName;
                    self.spool.sync_queue()?;
                }
            }
            Before::Rewrite => self.rewrite(&path)?,
        }
        self.before = Before::Nothing;
        Ok(())
    }

    /// Copies the valid lines to a new file that replaces the old one.
    ///
    /// Only the lines before the failed append are copied. They were synced earlier and can be trusted. The copy is
    /// synced before it takes the old one's name.
    fn rewrite(&mut self, path: &Path) -> Result<(), SpoolError> {
        let Some(old) = &self.file else { return Err(SpoolError::Gone(self.id.clone())) };
        let name = journal_name(&self.id);
        let new = Durable::create(self.spool.queue(), 0o600).map_err(SpoolError::io("create", path))?;
        let mut good = old;
        good.seek(SeekFrom::Start(0)).map_err(SpoolError::io("read", path))?;
        io::copy(&mut good.take(self.replay.good), &mut new.file()).map_err(SpoolError::io("write", path))?;
        replace(self.spool.queue(), new, path)?;
        self.file = Some(self.spool.open_in_queue(&name, OFlags::RDWR).map_err(SpoolError::io("open", path))?);
        Ok(())
    }
}

fn open_file(spool: &Spool, id: &MessageId, flags: OFlags) -> Result<Option<File>, SpoolError> {
    match spool.open_in_queue(&journal_name(id), flags) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(spool.not_opened(&journal_name(id), spool.journal_path(id), error)),
    }
}

fn no_replay(spool: &Spool, id: &MessageId, why: NoReplay) -> SpoolError {
    no_replay_of(spool.journal_path(id), why)
}

fn no_replay_of(path: std::path::PathBuf, why: NoReplay) -> SpoolError {
    match why {
        NoReplay::Io(error) => SpoolError::io("read", path)(error),
        NoReplay::Damaged(what) => SpoolError::damaged(path, what),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
