//! A message file: the envelope as one padded line of JSON, then the content as admitted, with CRLF line ends.
//! postrider-formats(5), "Message file", defines the format.

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
use crate::mail::address::ReversePath;
use crate::mail::submitter::Submitter;
use crate::spool::SpoolError;

/// Whether the content has bytes above 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// ASCII only.
    #[serde(rename = "7bit")]
    SevenBit,
    /// Any bytes (RFC 6152).
    #[serde(rename = "8bit")]
    EightBit,
}

/// Who created the message. Reports about reports are not sent, so this also stops mail loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A user's mail.
    Mail,
    /// Our report of a failure (bounce).
    Bounce,
    /// Our report of a delay, or an alert.
    Notice,
    /// Several reports in one message.
    Digest,
}

/// The envelope line. An unknown member is an error, because it may change what must be done with the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Version of the format: 1 if a local user submitted the message, 2 if a network client did. Set when the
    /// envelope is stored.
    pub v: u32,
    /// The message's id, equal to the file name.
    pub id: MessageId,
    /// When the message was stored, in microseconds; anything finer is cut off.
    #[serde(with = "super::time")]
    pub arrived: Timestamp,
    /// The user or network client that submitted it.
    #[serde(flatten)]
    pub submitter: Submitter,
    /// Random, one per submission. The same token shows that a submission arrived twice.
    pub token: String,
    /// The envelope sender after admission.
    pub sender: ReversePath,
    /// The sender given with -f. Absent if the caller's login was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_sender: Option<String>,
    /// In the order given, without duplicates.
    pub recipients: Vec<Recipient>,
    /// The value of a To field for it, where its recipients are no secret and its header names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// RET of RFC 3461: FULL or HDRS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ret: Option<String>,
    /// ENVID of RFC 3461.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envid: Option<String>,
    /// Whether the content has 8-bit bytes.
    pub body: Body,
    /// Who created the message.
    pub kind: Kind,
    /// For a report: the message that it describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<MessageId>,
    /// For a report: the account of the message that it describes. For mail: the account that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// For a digest: the messages that it describes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<MessageId>,
    /// Size of the content in bytes.
    pub size: u64,
    /// CRC-32 (IEEE) of the content.
    pub crc32: u32,
}

/// The longest envelope line in bytes, read or written. It is enough for about 40,000 recipients.
pub const MAX_ENVELOPE: usize = 16 * 1024 * 1024;
const MIN_PAD: usize = 1024;

impl Envelope {
    /// Appends the recipients that the journal added. Outcomes are numbered over both.
    pub fn join(&mut self, state: &State) {
        self.recipients.extend(state.added.iter().cloned());
    }

    /// An envelope for ordinary mail. `body`, `size` and `crc32` are filled in when the message is stored.
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
            to: None,
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

    /// An envelope for a message of our own: null sender.
    #[must_use]
    pub fn own(id: MessageId, arrived: Timestamp, kind: Kind, recipients: Vec<Recipient>) -> Self {
        Self { kind, ..Self::mail(id, arrived, ReversePath::Null, recipients) }
    }

    /// The length of the envelope line on disk: the smallest power of two, at least 1024, that holds it whatever the
    /// values of `size` and `crc32`, which are known only after the content was written.
    ///
    /// The file is written once from front to back, and only this line is filled in afterwards.
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

    /// The line, padded with blanks to `pad` bytes, line feed included.
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

    /// Parses the envelope line of the message with this id, with or without its line feed.
    pub(crate) fn read(line: &[u8], id: &MessageId) -> Result<Self, NoEnvelope> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let damaged = NoEnvelope::Damaged;
        // The version is parsed separately only if the whole cannot be: at a start, thousands of envelopes are read.
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

/// Why a line is not a valid envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoEnvelope {
    /// Damaged, foreign, or the envelope of another message.
    Damaged(String),
    /// Intact, but stored by a newer postrider.
    Newer(String),
}

/// The newest version that this program reads.
pub const VERSION: u32 = 2;

/// The version for this submitter. Mail of local users keeps version 1, which older programs can read after a
/// downgrade.
#[must_use]
pub fn version_of(submitter: &Submitter) -> u32 {
    match submitter {
        Submitter::Local(_) => 1,
        Submitter::Client(_) => VERSION,
    }
}

/// An opened message: the envelope is checked, the content can be read.
#[derive(Debug)]
pub struct Stored {
    /// The envelope.
    pub envelope: Envelope,
    file: Arc<File>,
    path: PathBuf,
    content_at: u64,
}

impl Stored {
    /// Reads the envelope line and checks the length of the file. `path` is for errors.
    pub(crate) fn open(file: File, path: PathBuf, id: &MessageId) -> Result<Self, SpoolError> {
        let length = file.metadata().map_err(SpoolError::io("read", &path))?.len();
        Self::of_length(file, length, path, id)
    }

    /// As `open`, for a file whose length is already known.
    ///
    /// The length shows a truncated file without reading it. The checksum, which needs all of it, is for the attempt
    /// (`verify`).
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

    /// The file's size in bytes.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.content_at.saturating_add(self.envelope.size)
    }

    /// A new reader of the content, without a buffer of its own.
    pub fn content(&self) -> std::io::Result<impl std::io::Read + use<>> {
        Ok(Content { file: Arc::clone(&self.file), at: self.content_at, left: self.envelope.size })
    }

    /// The whole content, in memory: for reports, which are bounded.
    pub fn whole_content(&self) -> Result<Vec<u8>, SpoolError> {
        let mut content = Vec::new();
        let read = self.content().and_then(|mut reader| reader.read_to_end(&mut content));
        read.map_err(SpoolError::io("read", &self.path))?;
        Ok(content)
    }

    /// Reads the whole content and compares its size and checksum with the envelope.
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

/// The first line with its line feed; `None` if there is no line feed within [`MAX_ENVELOPE`].
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

/// Reads by position, so that several readers of one message do not disturb each other.
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
            // The file is shorter than the envelope says. Ending quietly here would send a truncated message and
            // report success.
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
