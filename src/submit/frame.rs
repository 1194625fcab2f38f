//! Submissions written and read as frames (`postrider_drop::frame` knows where in a frame
//! one stands): over `Write` and `Read`, with one buffer each. Only a frame with its end
//! is a submission.

use std::io::{self, Read, Write};

pub use postrider_drop::frame::{Bounds, FrameError, WIDEST};
use postrider_drop::frame::{Part, Place};

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

/// Reads a frame, never a byte beyond its end.
#[derive(Debug)]
pub struct FrameReader<R: Read> {
    input: R,
    place: Place,
    buffer: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    /// Begins a frame with these bounds.
    pub fn new(input: R, bounds: Bounds) -> Self {
        Self { input, place: Place::at_start(bounds), buffer: Vec::new() }
    }

    /// The next piece. Memory grows with what has come, never with what a length promises.
    pub fn next_piece(&mut self) -> Result<Piece<'_>, FrameError> {
        loop {
            match self.place.part() {
                Part::End => return Ok(Piece::End),
                Part::Length => {
                    let mut octets = [0_u8; 4];
                    let room = octets.get_mut(..self.place.missing()).unwrap_or_default();
                    let read = read_some(&mut self.input, room)?;
                    self.place.pass(&octets[..read])?;
                }
                Part::Envelope => {
                    self.fill()?;
                    if self.place.part() != Part::Envelope {
                        return Ok(Piece::Envelope(&self.buffer));
                    }
                }
                Part::Content => {
                    self.buffer.clear();
                    self.fill()?;
                    return Ok(Piece::Content(&self.buffer));
                }
            }
        }
    }

    /// The input, behind the end mark if that was reached.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// Appends one read's worth of the chunk to the buffer.
    fn fill(&mut self) -> Result<(), FrameError> {
        let held = self.buffer.len();
        self.buffer.resize(held + self.place.missing().min(PIECE), 0);
        let read = read_some(&mut self.input, &mut self.buffer[held..]);
        self.buffer.truncate(held + *read.as_ref().unwrap_or(&0));
        read?;
        self.place.pass(&self.buffer[held..])
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
mod tests;
