//! A submission in a frame (postrider-formats(5), "Submission"): the envelope (`envelope`) and the content. Both
//! directions: written from what the front end collected, and parsed for admission, which trusts nothing in it.

use std::io;
use std::io::{Read, Write};

use super::envelope::BadEnvelope;
use super::envelope_json::Envelope;
use super::frame::{Bounds, FrameError, FrameReader, FrameWriter, Piece};
use crate::mail::header::Header;
use crate::submit::frontend::collect::Collected;
use crate::submit::frontend::header_reader::{self, HeadError};
use crate::submit::frontend::input::{Input, LoneDot};

/// Why a submission was not passed on.
#[derive(Debug, thiserror::Error)]
pub enum NotPassed {
    /// The caller's input could not be read completely.
    #[error("cannot read the message: {0}")]
    Read(io::Error),
    /// The destination accepts no more.
    #[error("cannot pass the message on: {0}")]
    Write(io::Error),
}

/// Writes the submission as one frame, and reads the body to its end.
pub fn write<R: Read, W: Write>(collected: &mut Collected<R>, token: &str, out: W) -> Result<W, NotPassed> {
    let envelope = Envelope::of(collected, token);
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

/// Why there is no valid submission.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// It is not a frame, or ends early.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Its envelope is not valid.
    #[error(transparent)]
    Envelope(#[from] BadEnvelope),
    /// Its header is not valid.
    #[error(transparent)]
    Head(#[from] HeadError),
}

/// A submission of which only the length of the envelope was read.
#[derive(Debug)]
pub struct Announced<R: Read> {
    /// Length of the envelope in bytes.
    pub envelope_length: u64,
    frame: FrameReader<R>,
}

impl<R: Read> Announced<R> {
    /// Reads the length of the envelope.
    pub fn read(input: R, bounds: Bounds) -> Result<Self, FrameError> {
        let mut frame = FrameReader::new(input, bounds);
        Ok(Self { envelope_length: frame.envelope_length()?, frame })
    }

    /// Reads the envelope, with at most this many recipients, and the header.
    pub fn submission(mut self, most: usize) -> Result<Submission<R>, NotRead> {
        let envelope = Envelope::read(&mut self.frame, most)?;
        let content = Content { frame: self.frame, held: Vec::new(), at: 0 };
        let (header, body) = header_reader::read(Input::new(content, LoneDot::IsText))?;
        let (token, collected) = envelope.with(Header::read(&header), body);
        Ok(Submission { token, collected })
    }
}

/// A submission whose content was not read yet.
#[derive(Debug)]
pub struct Submission<R: Read> {
    /// Random, one per submission. The same token shows that a submission arrived twice.
    pub token: String,
    /// The submission as the front end collected it.
    pub collected: Collected<Content<R>>,
}

/// The content of a frame, up to its end. A frame that is cut off is an error.
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
