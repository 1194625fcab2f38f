//! The framing of a submission, for the socket and for drop/: chunks of a big-endian
//! u32 length and that many bytes, ended by a length of 0. The first chunk is the
//! envelope as collected, the others are the content as read. Pure over `Read` and
//! `Write`, with one buffer each; only a frame with its end is a submission.

use std::fmt;
use std::io::{self, Read, Write};

/// Octets of content handed over at a time, and at most in a chunk that we write.
const PIECE: usize = 64 * 1024;

/// Writes a frame. Dropped before [`FrameWriter::finish`], what was written is no submission.
#[derive(Debug)]
pub struct FrameWriter<W: Write> {
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    /// Begins with the envelope; it may not be empty, nor over 4 GiB.
    pub fn begin(mut out: W, envelope: &[u8]) -> io::Result<Self> {
        if envelope.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, FrameError::NoEnvelope));
        }
        chunk(&mut out, envelope)?;
        Ok(Self { out, buffer: Vec::with_capacity(PIECE) })
    }

    /// Appends content.
    pub fn write(&mut self, mut content: &[u8]) -> io::Result<()> {
        while !content.is_empty() {
            let room = PIECE.saturating_sub(self.buffer.len());
            let (now, later) = content.split_at_checked(room).unwrap_or((content, &[]));
            self.buffer.extend_from_slice(now);
            content = later;
            if self.buffer.len() >= PIECE {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes the end and gives the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        self.out.write_all(&0_u32.to_be_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            chunk(&mut self.out, &self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

fn chunk(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(bytes)
}

/// What a frame may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Octets of envelope.
    pub envelope: u32,
    /// Octets of content.
    pub content: u64,
}

/// Why what came is no submission.
#[derive(Debug)]
pub enum FrameError {
    /// It ended before its end mark: whoever wrote it was stopped.
    CutShort,
    /// It ended where the envelope should begin.
    NoEnvelope,
    /// The envelope is longer than this.
    EnvelopeTooLong(u32),
    /// The content is longer than this.
    ContentTooLong(u64),
    /// Reading failed; after [`io::ErrorKind::WouldBlock`] and the like the reader may be asked again.
    Io(io::Error),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort => f.write_str("the submission ends before its end mark"),
            Self::NoEnvelope => f.write_str("the submission has no envelope"),
            Self::EnvelopeTooLong(bound) => write!(f, "the submission's envelope is longer than {bound} octets"),
            Self::ContentTooLong(bound) => write!(f, "the message is longer than {bound} octets"),
            Self::Io(error) => write!(f, "cannot read the submission: {error}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// What comes next in a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The whole envelope; always first, once.
    Envelope(&'a [u8]),
    /// Some of the content, never empty.
    Content(&'a [u8]),
    /// The end mark was seen: this is a submission.
    End,
}

/// Where the reader stands; all it needs to go on after an interruption.
#[derive(Debug, Clone, Copy)]
enum At {
    /// In a length: its octets so far, and how many are still missing.
    Length { sum: u32, missing: usize },
    /// In a chunk: octets still missing.
    Chunk(u32),
    /// Behind the end mark.
    End,
}

const LENGTH: At = At::Length { sum: 0, missing: 4 };

/// Reads a frame, never a byte beyond its end.
#[derive(Debug)]
pub struct FrameReader<R: Read> {
    input: R,
    bounds: Bounds,
    buffer: Vec<u8>,
    at: At,
    in_envelope: bool,
    content: u64,
}

impl<R: Read> FrameReader<R> {
    /// Begins a frame with these bounds.
    pub fn new(input: R, bounds: Bounds) -> Self {
        Self { input, bounds, buffer: Vec::new(), at: LENGTH, in_envelope: true, content: 0 }
    }

    /// The next piece. Memory grows with what has come, never with what a length promises.
    pub fn next_piece(&mut self) -> Result<Piece<'_>, FrameError> {
        loop {
            match self.at {
                At::End => return Ok(Piece::End),
                At::Length { .. } => self.read_length()?,
                At::Chunk(missing) if self.in_envelope => {
                    self.fill(missing)?;
                    if matches!(self.at, At::Length { .. }) {
                        self.in_envelope = false;
                        return Ok(Piece::Envelope(&self.buffer));
                    }
                }
                At::Chunk(missing) => {
                    self.buffer.clear();
                    self.fill(missing)?;
                    return Ok(Piece::Content(&self.buffer));
                }
            }
        }
    }

    /// The input, behind the end mark if that was reached.
    pub fn into_inner(self) -> R {
        self.input
    }

    fn read_length(&mut self) -> Result<(), FrameError> {
        while let At::Length { sum, missing } = self.at {
            if missing == 0 {
                self.at = self.begin_chunk(sum)?;
                return Ok(());
            }
            let mut octets = [0_u8; 4];
            let read = read_some(&mut self.input, octets.get_mut(..missing).unwrap_or_default())?;
            let sum = octets.iter().take(read).fold(sum, |sum, octet| (sum << 8) | u32::from(*octet));
            self.at = At::Length { sum, missing: missing.saturating_sub(read) };
        }
        Ok(())
    }

    fn begin_chunk(&mut self, length: u32) -> Result<At, FrameError> {
        match (self.in_envelope, length) {
            (true, 0) => Err(FrameError::NoEnvelope),
            (true, _) if length > self.bounds.envelope => Err(FrameError::EnvelopeTooLong(self.bounds.envelope)),
            (true, _) => Ok(At::Chunk(length)),
            (false, 0) => Ok(At::End),
            (false, _) => {
                let content = self.content.saturating_add(u64::from(length));
                if content > self.bounds.content {
                    return Err(FrameError::ContentTooLong(self.bounds.content));
                }
                self.content = content;
                Ok(At::Chunk(length))
            }
        }
    }

    /// Appends one read's worth of the chunk to the buffer.
    fn fill(&mut self, missing: u32) -> Result<(), FrameError> {
        let held = self.buffer.len();
        let wanted = usize::try_from(missing).unwrap_or(PIECE).min(PIECE);
        self.buffer.resize(held.saturating_add(wanted), 0);
        let room = self.buffer.get_mut(held..).unwrap_or_default();
        let read = read_some(&mut self.input, room);
        self.buffer.truncate(held.saturating_add(*read.as_ref().unwrap_or(&0)));
        let read = u32::try_from(read?).unwrap_or(missing);
        self.at = match missing.saturating_sub(read) {
            0 => LENGTH,
            missing => At::Chunk(missing),
        };
        Ok(())
    }
}

/// At least one octet, or the error that says why not.
fn read_some(input: &mut impl Read, room: &mut [u8]) -> Result<usize, FrameError> {
    loop {
        match input.read(room) {
            Ok(0) => return Err(FrameError::CutShort),
            Ok(read) => return Ok(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
