//! Writes and reads submissions as frames, over `Write` and `Read`, with one buffer each. `postrider_drop::frame`
//! tracks the position within a frame. A frame without its end mark is not a submission.

use std::io;
use std::io::{Read, Write};

pub use postrider_drop::frame::Bounds;
pub use postrider_drop::frame::FrameError;
pub use postrider_drop::frame::WIDEST;
use postrider_drop::frame::{Part, Place};

/// Bytes of content returned at a time, and the most that we write in one chunk.
const PIECE: usize = 64 * 1024;
/// Bytes of a chunk's length field.
const LENGTH: usize = 4;
/// Most messages have less content than this many bytes.
const FIRST: usize = 12 * 1024;

/// Writes a frame. If it is dropped before [`FrameWriter::finish`], what was written is not a submission.
#[derive(Debug)]
pub struct FrameWriter<W: Write> {
    out: W,
    /// Framed bytes that were not written yet, so that a small submission is written in one piece. The last chunk is
    /// still being filled.
    framed: Vec<u8>,
    /// Position of the last chunk's length field.
    chunk_at: usize,
}

impl<W: Write> FrameWriter<W> {
    /// Starts with the envelope, which must not be empty or larger than 4 GiB.
    pub fn begin(out: W, envelope: &[u8]) -> io::Result<Self> {
        if envelope.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, FrameError::NoEnvelope));
        }
        let mut writer = Self { out, framed: Vec::with_capacity(envelope.len() + LENGTH + FIRST), chunk_at: 0 };
        writer.open_chunk();
        writer.framed.extend_from_slice(envelope);
        writer.close_chunk()?;
        writer.open_chunk();
        Ok(writer)
    }

    /// Appends content.
    pub fn write(&mut self, mut content: &[u8]) -> io::Result<()> {
        while !content.is_empty() {
            let room = PIECE.saturating_sub(self.in_chunk());
            let (now, later) = content.split_at_checked(room).unwrap_or((content, &[]));
            self.framed.extend_from_slice(now);
            content = later;
            if self.in_chunk() >= PIECE {
                self.close_chunk()?;
                self.out.write_all(&self.framed)?;
                self.framed.clear();
                self.open_chunk();
            }
        }
        Ok(())
    }

    /// Writes the end mark and returns the writer.
    pub fn finish(mut self) -> io::Result<W> {
        if self.in_chunk() > 0 {
            self.close_chunk()?;
            self.open_chunk();
        }
        // An empty chunk is the end mark.
        self.out.write_all(&self.framed)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn open_chunk(&mut self) {
        self.chunk_at = self.framed.len();
        self.framed.extend_from_slice(&[0; LENGTH]);
    }

    fn in_chunk(&self) -> usize {
        self.framed.len() - self.chunk_at - LENGTH
    }

    fn close_chunk(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.in_chunk()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.framed[self.chunk_at..self.chunk_at + LENGTH].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

/// The next part of a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Part of the envelope, never empty. Comes first.
    Envelope(&'a [u8]),
    /// Part of the content, never empty.
    Content(&'a [u8]),
    /// The end mark: the submission is complete.
    End,
}

/// Reads a frame, and no byte after its end.
#[derive(Debug)]
pub struct FrameReader<R: Read> {
    input: R,
    place: Place,
    buffer: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    /// Starts to read a frame with these limits.
    pub fn new(input: R, bounds: Bounds) -> Self {
        Self { input, place: Place::at_start(bounds), buffer: Vec::new() }
    }

    /// The next part. Memory use is limited to one read, whatever length is announced.
    pub fn next_piece(&mut self) -> Result<Piece<'_>, FrameError> {
        match self.next_part()? {
            Part::Envelope => {
                self.fill()?;
                Ok(Piece::Envelope(&self.buffer))
            }
            Part::Content => {
                self.fill()?;
                Ok(Piece::Content(&self.buffer))
            }
            // After a length comes the announced part.
            Part::Length | Part::End => Ok(Piece::End),
        }
    }

    /// The length of the envelope, before any of it is read.
    pub fn envelope_length(&mut self) -> Result<u64, FrameError> {
        self.next_part()?;
        Ok(self.place.missing() as u64)
    }

    /// Reads part of the envelope into `room`. Returns 0 at its end.
    pub fn read_envelope(&mut self, room: &mut [u8]) -> Result<usize, FrameError> {
        if self.place.part() != Part::Envelope || room.is_empty() {
            return Ok(0);
        }
        let most = room.len().min(self.place.missing());
        let read = read_some(&mut self.input, &mut room[..most])?;
        self.place.pass(&room[..read])?;
        Ok(read)
    }

    /// Reads length fields until a part or the end follows.
    fn next_part(&mut self) -> Result<Part, FrameError> {
        while self.place.part() == Part::Length {
            let mut octets = [0_u8; 4];
            let room = octets.get_mut(..self.place.missing()).unwrap_or_default();
            let read = read_some(&mut self.input, room)?;
            self.place.pass(&octets[..read])?;
        }
        Ok(self.place.part())
    }

    /// The input. After the end mark, it is positioned directly after the frame.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// Reads one block of the chunk.
    fn fill(&mut self) -> Result<(), FrameError> {
        self.buffer.resize(self.place.missing().min(PIECE), 0);
        let read = read_some(&mut self.input, &mut self.buffer);
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        read?;
        self.place.pass(&self.buffer)
    }
}

/// Reads at least one byte.
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
