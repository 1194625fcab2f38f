//! The framing of a submission, for the socket and for drop/: chunks of a big-endian
//! u32 length and that many octets, ended by a length of 0. The first chunk is the
//! envelope as collected, the others are the content as read. Here is where one stands
//! in a frame; who reads and writes the octets is decided elsewhere.

use std::{fmt, io};

/// What a frame may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Octets of envelope.
    pub envelope: u64,
    /// Octets of content.
    pub content: u64,
}

/// What is taken by whoever cannot know what the config says: envelopes of some 100,000
/// recipients, content of 256 MiB.
pub const WIDEST: Bounds = Bounds { envelope: 16 << 20, content: 256 << 20 };

/// Why what came is no submission.
#[derive(Debug)]
pub enum FrameError {
    /// It ended before its end mark: whoever wrote it was stopped.
    CutShort,
    /// It ended where the envelope should begin.
    NoEnvelope,
    /// The envelope, or the content as a whole, is longer than the bound that is named.
    TooLong(Part, u64),
    /// Reading failed; after [`io::ErrorKind::WouldBlock`] and the like the reader may be asked again.
    Io(io::Error),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort => f.write_str("the submission ends before its end mark"),
            Self::NoEnvelope => f.write_str("the submission has no envelope"),
            Self::TooLong(Part::Content, bound) => write!(f, "the message is longer than {bound} bytes"),
            Self::TooLong(_, bound) => write!(f, "the submission's envelope is longer than {bound} bytes"),
            Self::Io(error) => write!(f, "cannot read the submission: {error}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// What the next octets of a frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Some of a chunk's length.
    Length,
    /// Some of the envelope.
    Envelope,
    /// Some of the content.
    Content,
    /// None: the end mark was seen, this is a submission.
    End,
}

/// Where one stands in a frame.
#[derive(Debug, Clone)]
pub struct Place {
    bounds: Bounds,
    part: Part,
    /// Octets of this part that are still to come.
    missing: u32,
    /// The length, as far as it was seen.
    length: u32,
    has_envelope: bool,
    /// Of the envelope, or of all the content.
    octets: u64,
}

impl Place {
    /// Before the first octet.
    #[must_use]
    pub fn at_start(bounds: Bounds) -> Self {
        Self { bounds, part: Part::Length, missing: 4, length: 0, has_envelope: false, octets: 0 }
    }

    /// What comes next.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// How many octets belong to it: nobody reads more at once. 0 at the end alone.
    #[must_use]
    pub fn missing(&self) -> usize {
        usize::try_from(self.missing).unwrap_or(usize::MAX)
    }

    /// Goes on behind these octets, which are at most as many as are missing.
    pub fn pass(&mut self, octets: &[u8]) -> Result<(), FrameError> {
        if self.part == Part::Length {
            self.length = octets.iter().fold(self.length, |sum, octet| (sum << 8) | u32::from(*octet));
        }
        self.missing = self.missing.saturating_sub(u32::try_from(octets.len()).unwrap_or(u32::MAX));
        if self.missing == 0 {
            (self.part, self.missing) = self.next()?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<(Part, u32), FrameError> {
        let length = std::mem::take(&mut self.length);
        let (part, bound) = match self.part {
            Part::End => return Ok((Part::End, 0)),
            Part::Content => return Ok((Part::Length, 4)),
            Part::Envelope => {
                (self.has_envelope, self.octets) = (true, 0);
                return Ok((Part::Length, 4));
            }
            Part::Length if self.has_envelope && length == 0 => return Ok((Part::End, 0)),
            Part::Length if self.has_envelope => (Part::Content, self.bounds.content),
            Part::Length if length == 0 => return Err(FrameError::NoEnvelope),
            Part::Length => (Part::Envelope, self.bounds.envelope),
        };
        self.octets = self.octets.saturating_add(u64::from(length));
        if self.octets > bound { Err(FrameError::TooLong(part, bound)) } else { Ok((part, length)) }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may panic
mod tests;
