//! Reads the caller's input block by block, converts line ends to CRLF and recognises the lone dot. Holds one block,
//! however long the lines are.

use std::io;
use std::io::{ErrorKind, Read};

/// The meaning of a line with a single dot (`-i`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoneDot {
    /// It ends the input (the default of sendmail(8)).
    EndsInput,
    /// It is ordinary text.
    IsText,
}

/// Bytes per read. Most messages fit into one, and each additional page of memory costs noticeable time in a program
/// that runs for a millisecond.
const BLOCK: usize = 16 * 1024;

/// How much of a refused message is still read. A caller that is still writing would otherwise be killed by SIGPIPE
/// before it sees the reason. The limit is more than mail programs send, but ends a caller that never stops.
pub const MOST_DRAINED: u64 = 32 * 1024 * 1024;

/// The most consecutive CRs that are held until the next byte shows whether they belong to a line end. Earlier ones
/// are bare.
const MOST_CARRIAGE_RETURNS: usize = 4 * 1024;

/// Converts input to CRLF lines.
#[derive(Debug)]
pub struct Input<R> {
    source: R,
    raw: Vec<u8>,
    lines: Vec<u8>,
    lone_dot: LoneDot,
    line: Line,
    carriage_returns: usize,
    ended: bool,
}

/// The current line so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Empty, apart from held CRs.
    Empty,
    /// A dot, held because it may be the whole line.
    Dot,
    /// Text that was already passed on.
    Text,
}

impl<R: Read> Input<R> {
    /// Without reading anything yet.
    pub fn new(source: R, lone_dot: LoneDot) -> Self {
        Self {
            source,
            raw: vec![0; BLOCK],
            lines: Vec::with_capacity(BLOCK + BLOCK / 8),
            lone_dot,
            line: Line::Empty,
            carriage_returns: 0,
            ended: false,
        }
    }

    /// The next bytes, never an empty slice; `None` at the end. CR and LF occur only together, and the last line is
    /// complete. Blocks may end anywhere.
    pub fn next_block(&mut self) -> io::Result<Option<&[u8]>> {
        self.lines.clear();
        while self.lines.is_empty() && !self.ended {
            match self.source.read(&mut self.raw) {
                Ok(0) => self.end_of_file(),
                Ok(length) => self.push_block(length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(if self.lines.is_empty() { None } else { Some(&self.lines) })
    }

    fn push_block(&mut self, length: usize) {
        let raw = std::mem::take(&mut self.raw);
        let mut rest = &raw[..length];
        while !rest.is_empty() && !self.ended {
            if let Some(end) = position(b'\n', rest) {
                self.text(&rest[..end]);
                self.line_end();
                rest = &rest[end + 1..];
            } else {
                self.text(rest);
                rest = &[];
            }
        }
        self.raw = raw;
    }

    /// Part of a line, without LF.
    fn text(&mut self, part: &[u8]) {
        let kept = part.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        let (text, carriage_returns) = part.split_at(kept);
        if self.may_be_lone_dot(text) {
            self.line = Line::Dot;
        } else if !text.is_empty() {
            self.flush_held();
            push_text(&mut self.lines, text);
        }
        self.keep_back(carriage_returns.len());
    }

    fn may_be_lone_dot(&self, text: &[u8]) -> bool {
        text == b"." && self.lone_dot == LoneDot::EndsInput && self.line == Line::Empty && self.carriage_returns == 0
    }

    /// The held bytes turned out to be text.
    fn flush_held(&mut self) {
        if self.line == Line::Dot {
            self.lines.push(b'.');
        }
        self.line = Line::Text;
        self.blanks(self.carriage_returns);
        self.carriage_returns = 0;
    }

    fn keep_back(&mut self, carriage_returns: usize) {
        let all = self.carriage_returns + carriage_returns;
        if all > MOST_CARRIAGE_RETURNS {
            self.carriage_returns = all - MOST_CARRIAGE_RETURNS;
            self.flush_held();
        }
        self.carriage_returns = all.min(MOST_CARRIAGE_RETURNS);
    }

    /// Adds blanks in place of bare CRs.
    fn blanks(&mut self, number: usize) {
        self.lines.resize(self.lines.len() + number, b' ');
    }

    fn line_end(&mut self) {
        if self.line == Line::Dot {
            self.ended = true;
        } else {
            self.lines.extend_from_slice(b"\r\n");
        }
        self.line = Line::Empty;
        self.carriage_returns = 0;
    }

    fn end_of_file(&mut self) {
        if self.line != Line::Empty || self.carriage_returns > 0 {
            self.line_end();
        }
        self.ended = true;
    }
}

/// The position of a byte. This does not use memchr, which first detects the processor's features: on a virtual
/// machine, that takes longer than searching a typical message of cron.
pub(crate) fn position(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|other| *other == byte)
}

/// Appends text, with blanks in place of bare CRs.
fn push_text(lines: &mut Vec<u8>, text: &[u8]) {
    let start = lines.len();
    lines.extend_from_slice(text);
    if text.contains(&b'\r') {
        lines[start..].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b' ');
    }
}

#[cfg(test)]
pub(crate) mod tests;
