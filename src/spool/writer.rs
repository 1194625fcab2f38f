//! Stores a new message: written to an unnamed file, synced, linked to its name, then the directory is synced.
//!
//! Size and checksum are known only at the end, so space for the envelope line is reserved first and filled in last.
//! The message becomes visible in one step: a crash leaves either nothing or the complete message.

use std::io;
use std::os::unix::fs::FileExt;

use postrider_drop::durable::{self, Durable};

use super::id::{MessageId, NEW};
use super::message_file::{self, Body, Envelope};
use super::queue::Spool;
use super::usage_table::Folder;
use crate::spool::SpoolError;

/// Bytes that are collected before a write.
const BUFFER: usize = 64 * 1024;
/// Room for them at first. Most mail is no larger, and giving back more costs the allocator more than the copy of it.
const ROOM: usize = 16 * 1024;

/// A message being written. Dropped before `commit`, it leaves nothing.
#[derive(Debug)]
pub struct Incoming {
    spool: Spool,
    envelope: Envelope,
    file: Durable,
    /// Length of the envelope line in bytes.
    pad: usize,
    sum: crc32fast::Hasher,
    /// Bytes not written yet. Until the first write it starts with the reserved line.
    buffer: Vec<u8>,
    /// Bytes written to the file.
    written: u64,
    /// Offsets in the content at which the id appears.
    stamps: Vec<u64>,
}

/// How many ids are tried if the first ones are taken.
const TRIES: usize = 32;

impl Incoming {
    /// Starts a message with this envelope. Its `size`, `crc32` and `body` are filled in at the end.
    pub fn begin(spool: &Spool, mut envelope: Envelope) -> Result<Self, SpoolError> {
        envelope.v = message_file::version_of(&envelope.submitter);
        let pad = envelope.pad()?;
        let file = Durable::create(spool.queue(), 0o600)
            .map_err(SpoolError::io("create a file in", spool.dir().join("queue")))?;
        let mut buffer = Vec::with_capacity(ROOM.max(pad));
        buffer.resize(pad, b' ');
        let envelope = Envelope { size: 0, crc32: 0, body: Body::SevenBit, ..envelope };
        Ok(Self {
            spool: spool.clone(),
            envelope,
            file,
            pad,
            sum: crc32fast::Hasher::new(),
            buffer,
            written: 0,
            stamps: Vec::new(),
        })
    }

    /// Appends content, which has CRLF line ends.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        for piece in bytes.chunks(BUFFER) {
            if self.buffer.len() >= BUFFER {
                self.flush()?;
            }
            self.buffer.extend_from_slice(piece);
        }
        self.envelope.size += bytes.len() as u64;
        self.sum.update(bytes);
        if self.envelope.body == Body::SevenBit && !bytes.is_ascii() {
            self.envelope.body = Body::EightBit;
        }
        Ok(())
    }

    /// Appends content that we made and that may contain the id. If the message gets another id, it is replaced there
    /// too.
    pub fn write_stamped(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let id = self.envelope.id.as_str().as_bytes();
        let places = bytes.windows(id.len()).enumerate().filter(|(_, window)| *window == id);
        self.stamps.extend(places.map(|(at, _)| self.envelope.size + at as u64));
        self.write(bytes)
    }

    /// Bytes of content so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.envelope.size
    }

    /// Makes the message durable under its id. If the id is taken, the error is [`SpoolError::Exists`].
    pub fn commit(mut self) -> Result<MessageId, SpoolError> {
        self.seal()?;
        self.keep()
    }

    /// Makes the message durable under the next free id, unless the message that has the id is this same submission.
    /// Any id is fine for it, and [`Incoming::write_stamped`] recorded where the id appears.
    ///
    /// The same token under that id means that the submission is stored already. Counting on would store it a second
    /// time.
    pub fn commit_under_free_id(mut self) -> Result<MessageId, SpoolError> {
        self.seal()?;
        for _ in 0..TRIES {
            match self.keep() {
                Err(SpoolError::Exists(id)) if !self.is_what_is_there() => self.rename(id.next())?,
                other => return other,
            }
        }
        Err(SpoolError::Exists(self.envelope.id))
    }

    fn seal(&mut self) -> Result<(), SpoolError> {
        self.envelope.crc32 = self.sum.clone().finalize();
        let line = self.envelope.line(self.pad)?;
        if self.written == 0 {
            self.buffer[..self.pad].copy_from_slice(&line);
        } else {
            self.file.file().write_all_at(&line, 0).map_err(|error| self.failed("write", error))?;
        }
        self.flush()
    }

    /// Linking is the one step that makes the message exist. It fails if the name is taken and never replaces a
    /// message.
    fn keep(&mut self) -> Result<MessageId, SpoolError> {
        let id = self.envelope.id.clone();
        // Counted before it becomes visible: the runner may send and remove the message before this function returns.
        let octets = self.pad as u64 + self.envelope.size;
        let is_counted = self.spool.usage_table().add_new(Folder::Queue, id.as_str(), &self.envelope.submitter, octets);
        let sync = |_: &durable::Folder| self.spool.sync_names();
        // Everybody who stores a message at this moment shares the sync of the folder, where it needs one.
        let mut kept = self.file.keep_hidden([id.as_str()], NEW, &sync);
        if kept.as_ref().is_err_and(|failure| failure.error.kind() == io::ErrorKind::AlreadyExists)
            && !self.spool.holds(&id)
        {
            // Its hidden name is left from a writer that was killed.
            self.spool.recovered(&[format!("{NEW}{id}")])?;
            kept = self.file.keep_hidden([id.as_str()], NEW, &sync);
        }
        let Err(failure) = kept else { return Ok(id) };
        if is_counted {
            self.spool.usage_table().take(Folder::Queue, id.as_str());
        }
        if failure.error.kind() == io::ErrorKind::AlreadyExists && self.spool.is_being_stored(&id) {
            let busy = SpoolError::io("store", self.spool.message_path(&id));
            return Err(busy(io::ErrorKind::WouldBlock.into()));
        }
        match failure.error.kind() {
            io::ErrorKind::AlreadyExists => Err(SpoolError::Exists(id)),
            _ => Err(SpoolError::not_kept(self.spool.message_path(&id), failure)),
        }
    }

    /// Whether the message with this id is the same submission, stored before a crash.
    fn is_what_is_there(&self) -> bool {
        self.spool.open_message(&self.envelope.id).is_ok_and(|there| there.envelope.token == self.envelope.token)
    }

    /// Changes the id wherever it appears.
    ///
    /// All ids have the same length, so the id is changed in place. The checksum covers the content and is computed
    /// again from the file.
    fn rename(&mut self, id: MessageId) -> Result<(), SpoolError> {
        let content = self.pad as u64;
        for at in &self.stamps {
            let write = self.file.file().write_all_at(id.as_str().as_bytes(), content + at);
            write.map_err(|error| self.failed("write", error))?;
        }
        let (mut sum, mut piece) = (crc32fast::Hasher::new(), vec![0; BUFFER]);
        let mut at = content;
        loop {
            match self.file.file().read_at(&mut piece, at).map_err(|error| self.failed("read", error))? {
                0 => break,
                read => {
                    sum.update(&piece[..read]);
                    at += read as u64;
                }
            }
        }
        (self.envelope.id, self.envelope.crc32) = (id, sum.finalize());
        let line = self.envelope.line(self.pad)?;
        self.file.file().write_all_at(&line, 0).map_err(|error| self.failed("write", error))
    }

    fn flush(&mut self) -> Result<(), SpoolError> {
        // At a fixed position: a repetition after an error writes to the same place.
        self.file.file().write_all_at(&self.buffer, self.written).map_err(|error| self.failed("write", error))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn failed(&self, action: &'static str, error: io::Error) -> SpoolError {
        SpoolError::io(action, self.spool.message_path(&self.envelope.id))(error)
    }
}
