//! A message file: one padded JSON envelope line, then the content as admitted
//! (CRLF line ends). postrider-formats(5), "Message file", is this file's contract.

use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::MessageId;
use super::recipient::Recipient;
use super::state::State;
use crate::mail::address::{Address, Mailbox, ReversePath};
use crate::mail::submitter::Submitter;
use crate::spool::SpoolError;

/// Whether the content holds bytes over 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// ASCII only.
    #[serde(rename = "7bit")]
    SevenBit,
    /// RFC 6152.
    #[serde(rename = "8bit")]
    EightBit,
}

/// Who made the message; the spool's own mark that stops loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Somebody's mail.
    Mail,
    /// Our report of a failure.
    Bounce,
    /// Our report of a delay, or an alarm.
    Notice,
    /// Several reports in one.
    Digest,
}

/// The envelope line. A member that is not known here may change what is to be done, so it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The format's version: 1 of a user's mail, 2 of a client's. Whoever stores an envelope sets it.
    pub v: u32,
    /// The file's name.
    pub id: MessageId,
    /// When admission stored it (microseconds count, what is finer is not kept).
    #[serde(with = "super::time")]
    pub arrived: Timestamp,
    /// Who submitted it.
    #[serde(flatten)]
    pub submitter: Submitter,
    /// Random, the submission's own (a second hand-over of the same is recognised by it).
    pub token: String,
    /// After admission.
    pub sender: ReversePath,
    /// As given with -f; none where the caller's login was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_sender: Option<String>,
    /// In the order given, without doubles.
    pub recipients: Vec<Recipient>,
    /// RFC 3461 RET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ret: Option<String>,
    /// RFC 3461 ENVID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envid: Option<String>,
    /// Content with or without 8-bit bytes.
    pub body: Body,
    /// Mail, or a report of ours.
    pub kind: Kind,
    /// For a report: the message it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<MessageId>,
    /// For a report: the account of the message it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// For a digest: the messages that it reports on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<MessageId>,
    /// Octets of content.
    pub size: u64,
    /// CRC-32 (IEEE) of the content.
    pub crc32: u32,
}

/// The longest envelope line that is written or read: room for some 40,000 recipients.
pub const MAX_ENVELOPE: usize = 16 * 1024 * 1024;
const MIN_PAD: usize = 1024;

impl Envelope {
    /// Takes in the recipients that the journal adds: outcomes are numbered through both.
    pub fn join(&mut self, state: &State) {
        self.recipients.extend(state.added.iter().cloned());
    }

    /// Of a mail for which nothing special is asked. `body`, `size` and `crc32` are filled in when it is stored.
    #[must_use]
    pub fn mail(id: MessageId, arrived: Timestamp, sender: ReversePath, recipients: Vec<Recipient>) -> Self {
        Self {
            v: version_of(&Submitter::ROOT),
            id,
            arrived,
            submitter: Submitter::ROOT,
            token: String::new(),
            sender,
            submitted_sender: None,
            recipients,
            ret: None,
            envid: None,
            body: Body::SevenBit,
            kind: Kind::Mail,
            about: None,
            account: None,
            reports: Vec::new(),
            size: 0,
            crc32: 0,
        }
    }

    /// Of a message of our own: from nobody, to one address.
    #[must_use]
    pub fn own(id: MessageId, arrived: Timestamp, kind: Kind, to: &Address) -> Self {
        let recipients = vec![Recipient::new(Mailbox::Valid(to.clone()), to.to_string())];
        Self { kind, ..Self::mail(id, arrived, ReversePath::Null, recipients) }
    }

    /// What the envelope line takes on disk: the next power of two, at least 1024, that holds
    /// it with its line end whatever `size` and `crc32` will be.
    pub(crate) fn pad(&self) -> Result<usize, SpoolError> {
        let digits = |number: u64| number.checked_ilog10().unwrap_or(0) as usize + 1;
        let growth = |now: u64, most: u64| digits(most) - digits(now);
        let widest = growth(self.size, u64::MAX) + growth(self.crc32.into(), u32::MAX.into());
        let octets = self.json()?.len() + widest + 1;
        let pad = octets.next_power_of_two().max(MIN_PAD);
        if pad > MAX_ENVELOPE {
            return Err(SpoolError::EnvelopeTooLong { octets, most: MAX_ENVELOPE });
        }
        Ok(pad)
    }

    /// The line, padded with blanks to `pad` octets, its line end the last of them.
    pub(crate) fn line(&self, pad: usize) -> Result<Vec<u8>, SpoolError> {
        let mut line = self.json()?;
        if line.len() >= pad {
            return Err(SpoolError::EnvelopeTooLong { octets: line.len(), most: pad });
        }
        line.resize(pad - 1, b' ');
        line.push(b'\n');
        Ok(line)
    }

    fn json(&self) -> Result<Vec<u8>, SpoolError> {
        serde_json::to_vec(self).map_err(|error| SpoolError::damaged(self.id.as_str(), error.to_string()))
    }

    /// Reads the line (with or without its line end) of the message with this id; what is wrong with it otherwise.
    pub(crate) fn read(line: &[u8], id: &MessageId) -> Result<Self, NoEnvelope> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let damaged = NoEnvelope::Damaged;
        // The version only where the whole is not understood: thousands are read when a runner starts.
        let envelope: Self = serde_json::from_slice(line).map_err(|error| match serde_json::from_slice(line) {
            Ok(Version { v }) if v > VERSION => newer(v),
            Ok(Version { .. }) => damaged(format!("its envelope cannot be read ({error})")),
            Err(_) => damaged(format!("its first line is not an envelope ({error})")),
        })?;
        if envelope.v > VERSION {
            return Err(newer(envelope.v));
        }
        if envelope.v < version_of(&envelope.submitter) {
            return Err(damaged(format!("its envelope has version {}, which has no clients", envelope.v)));
        }
        if envelope.id != *id {
            return Err(damaged(format!("its envelope is that of message {}", envelope.id)));
        }
        Ok(envelope)
    }
}

fn newer(v: u32) -> NoEnvelope {
    NoEnvelope::Newer(format!("its envelope has version {v}; this postrider reads version {VERSION}"))
}

/// Why a line is not an envelope of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoEnvelope {
    /// Torn, foreign, or another message's.
    Damaged(String),
    /// Stored by a newer program: whole, but not for us to read.
    Newer(String),
}

/// The newest version that is read here.
pub const VERSION: u32 = 2;

/// The envelope's version: a user's is the one that older programs read as well.
#[must_use]
pub fn version_of(submitter: &Submitter) -> u32 {
    match submitter {
        Submitter::Local(_) => 1,
        Submitter::Client(_) => VERSION,
    }
}

/// Opened for delivery or for showing: envelope checked, content readable.
#[derive(Debug)]
pub struct Stored {
    /// The envelope.
    pub envelope: Envelope,
    file: Arc<File>,
    path: PathBuf,
    content_at: u64,
}

impl Stored {
    /// Reads the envelope line and compares the length; `path` is for errors.
    pub(crate) fn open(file: File, path: PathBuf, id: &MessageId) -> Result<Self, SpoolError> {
        let length = file.metadata().map_err(SpoolError::io("read", &path))?.len();
        Self::of_length(file, length, path, id)
    }

    /// The same of a file whose length is known.
    pub(crate) fn of_length(file: File, length: u64, path: PathBuf, id: &MessageId) -> Result<Self, SpoolError> {
        let Some(line) = envelope_line(&file).map_err(SpoolError::io("read", &path))? else {
            return Err(SpoolError::damaged(path, "its first line is incomplete"));
        };
        let envelope = Envelope::read(&line, id).map_err(|no| match no {
            NoEnvelope::Damaged(what) => SpoolError::damaged(&path, what),
            NoEnvelope::Newer(what) => SpoolError::Newer { path: path.clone(), what },
        })?;
        let content_at = line.len() as u64;
        if content_at.checked_add(envelope.size) != Some(length) {
            let what = format!(
                "its envelope announces {} bytes of content, but there are {}",
                envelope.size,
                length.saturating_sub(content_at)
            );
            return Err(SpoolError::damaged(path, what));
        }
        Ok(Self { envelope, file: Arc::new(file), path, content_at })
    }

    /// What the message takes on disk.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.content_at.saturating_add(self.envelope.size)
    }

    /// A fresh reader at the content's first byte, buffered by the caller. The reader ends at `size` bytes.
    pub fn content(&self) -> std::io::Result<impl std::io::Read + use<>> {
        Ok(Content { file: Arc::clone(&self.file), at: self.content_at, left: self.envelope.size })
    }

    /// Reads all content once and compares it with `size` and `crc32`.
    pub fn verify(&self) -> Result<(), SpoolError> {
        let read = SpoolError::io("read", &self.path);
        let mut sum = crc32fast::Hasher::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut content = Content { file: Arc::clone(&self.file), at: self.content_at, left: self.envelope.size };
        loop {
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(octets) => sum.update(&buffer[..octets]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(SpoolError::damaged(&self.path, "its content is truncated"));
                }
                Err(error) => return Err(read(error)),
            }
        }
        if sum.finalize() == self.envelope.crc32 {
            Ok(())
        } else {
            Err(SpoolError::damaged(&self.path, "its content does not match its checksum"))
        }
    }
}

/// The first line with its line end; `None` where there is none within the bound.
fn envelope_line(file: &File) -> io::Result<Option<Vec<u8>>> {
    let mut line = vec![0; 2 * MIN_PAD];
    let mut held = 0;
    loop {
        match file.read_at(&mut line[held..], held as u64) {
            Ok(0) => return Ok(None),
            Ok(octets) => {
                if let Some(end) = line[held..held + octets].iter().position(|b| *b == b'\n') {
                    line.truncate(held + end + 1);
                    return Ok(Some(line));
                }
                held += octets;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if held == line.len() {
            if held >= MAX_ENVELOPE {
                return Ok(None);
            }
            line.resize((2 * held).min(MAX_ENVELOPE), 0);
        }
    }
}

/// Reads content by position, so that several readers of one message do not meet.
struct Content {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Content {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(room.len());
        if most == 0 {
            return Ok(0);
        }
        let octets = self.file.read_at(&mut room[..most], self.at)?;
        if octets == 0 {
            // A message that is sent short would be a message that is lost.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += octets as u64;
        self.left -= octets as u64;
        Ok(octets)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
