//! A submission as it travels in a frame (postrider-formats(5), "Submission"): the envelope as
//! collected, in JSON, and the content. Both ways: from what the front end collected, and
//! back to that for admission, which believes nothing of it.

use std::io;
use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use super::frame::{Bounds, FrameError, FrameReader, FrameWriter, Piece};
use crate::mail::address::{Address, AddressError};
use crate::mail::dsn::Dsn;
use crate::mail::header::Header;
use crate::mail::list::Spec;
use crate::submit::frontend::collect::{Collected, Origin, Sender};
use crate::submit::frontend::header_reader::{self, HeadError};
use crate::submit::frontend::input::{Input, LoneDot};
use crate::submit::frontend::recipients::Given;

/// The format's version.
const VERSION: u32 = 1;

/// The envelope as collected.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    v: u32,
    token: String,
    /// None: the caller's login.
    sender: Option<Text>,
    recipients: Vec<WireRecipient>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    full_name: Option<Text>,
    #[serde(default)]
    origin: Origin,
    #[serde(default)]
    dsn: Dsn,
}

/// What came in an argument: nearly always text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Utf8(String),
    Bytes(Vec<u8>),
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or_else(|_| Self::Bytes(bytes.to_owned()), |text| Self::Utf8(text.to_owned()))
    }
}

impl From<Text> for Vec<u8> {
    fn from(text: Text) -> Self {
        match text {
            Text::Utf8(text) => text.into_bytes(),
            Text::Bytes(bytes) => bytes,
        }
    }
}

/// A recipient as read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WireRecipient {
    Complete(Address),
    Bare(String),
    Broken(String),
}

impl From<&Given> for WireRecipient {
    fn from(given: &Given) -> Self {
        match &given.spec {
            Spec::Complete(address) => Self::Complete(address.clone()),
            Spec::Bare(text) => Self::Bare(text.clone()),
            Spec::Broken(text, _) => Self::Broken(text.clone()),
            Spec::Null => Self::Bare(given.text.clone()),
        }
    }
}

impl From<WireRecipient> for Given {
    fn from(whom: WireRecipient) -> Self {
        match whom {
            WireRecipient::Complete(address) => Self { text: address.to_string(), spec: Spec::Complete(address) },
            WireRecipient::Bare(text) => Self { spec: Spec::Bare(text.clone()), text },
            WireRecipient::Broken(text) => Self { spec: Spec::Broken(text.clone(), AddressError::BadSyntax), text },
        }
    }
}

/// Why a submission was not passed on.
#[derive(Debug, thiserror::Error)]
pub enum NotPassed {
    /// The caller's input cannot be read to its end.
    #[error("cannot read the message: {0}")]
    Read(io::Error),
    /// Where it goes takes no more.
    #[error("cannot pass the message on: {0}")]
    Write(io::Error),
}

/// Writes what was collected as one frame, reading the body to its end.
pub fn write<R: Read, W: Write>(collected: &mut Collected<R>, token: &str, out: W) -> Result<W, NotPassed> {
    let sender = match &collected.sender {
        Sender::Login | Sender::FromField => None,
        Sender::Given(text) => Some(Text::from(text.as_slice())),
    };
    let envelope = Envelope {
        v: VERSION,
        token: token.to_owned(),
        sender,
        recipients: collected.recipients.iter().map(WireRecipient::from).collect(),
        full_name: collected.full_name.as_deref().map(Text::from),
        origin: collected.origin,
        dsn: collected.dsn.clone(),
    };
    let json = serde_json::to_vec(&envelope).map_err(|error| NotPassed::Write(error.into()))?;
    let mut frame = FrameWriter::begin(out, &json).map_err(NotPassed::Write)?;
    for field in &collected.header.fields {
        frame.write(field.raw()).map_err(NotPassed::Write)?;
    }
    while let Some(block) = collected.body.next_block().map_err(NotPassed::Read)? {
        frame.write(block).map_err(NotPassed::Write)?;
    }
    frame.finish().map_err(NotPassed::Write)
}

/// Why what came is no submission.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// It is not framed as one, or ends early.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Its envelope is none.
    #[error("the submission's envelope cannot be read: {0}")]
    Envelope(String),
    /// Its header.
    #[error(transparent)]
    Head(#[from] HeadError),
}

/// A submission whose content is still to be read.
#[derive(Debug)]
pub struct Submission<R: Read> {
    /// Random, its own; the same one twice is the same submission.
    pub token: String,
    /// As the front end collected it.
    pub collected: Collected<Content<R>>,
}

impl<R: Read> Submission<R> {
    /// Reads the envelope and the header.
    pub fn read(input: R, bounds: Bounds) -> Result<Self, NotRead> {
        let mut frame = FrameReader::new(input, bounds);
        let envelope: Envelope = match frame.next_piece()? {
            Piece::Envelope(json) => {
                serde_json::from_slice(json).map_err(|error| NotRead::Envelope(error.to_string()))?
            }
            // The envelope comes first: the reader sees to that.
            Piece::Content(_) | Piece::End => return Err(FrameError::NoEnvelope.into()),
        };
        if envelope.v != VERSION {
            return Err(NotRead::Envelope(format!(
                "it has version {}; this postrider reads version {VERSION}",
                envelope.v
            )));
        }
        let (header, body) =
            header_reader::read(Input::new(Content { frame, held: Vec::new(), at: 0 }, LoneDot::IsText))?;
        let collected = Collected {
            sender: envelope.sender.map_or(Sender::Login, |text| Sender::Given(text.into())),
            full_name: envelope.full_name.map(Vec::from),
            recipients: envelope.recipients.into_iter().map(Given::from).collect(),
            origin: envelope.origin,
            dsn: envelope.dsn,
            header: Header::read(&header),
            body,
        };
        Ok(Self { token: envelope.token, collected })
    }
}

/// The content of a frame. It ends with the frame; a frame that is cut short is an error.
#[derive(Debug)]
pub struct Content<R: Read> {
    frame: FrameReader<R>,
    held: Vec<u8>,
    at: usize,
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.held.len() {
            self.held.clear();
            self.at = 0;
            match self.frame.next_piece() {
                Ok(Piece::Content(bytes)) => self.held.extend_from_slice(bytes),
                Ok(Piece::End) => return Ok(0),
                Ok(Piece::Envelope(_)) => return Err(io::ErrorKind::InvalidData.into()),
                Err(FrameError::Io(error)) => return Err(error),
                Err(other) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, other)),
            }
        }
        let rest = &self.held[self.at..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
