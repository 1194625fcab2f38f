//! The caller's bytes, block by block, with every line end made CRLF and the lone
//! dot heeded. Knows lines, not header or body; holds one block, whatever a line's
//! length.

use std::io;
use std::io::{ErrorKind, Read};

/// What a line that is a single dot means (`-i`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoneDot {
    /// The input ends there (the default of sendmail(8)).
    EndsInput,
    /// A line like any other.
    IsText,
}

/// Octets read at once: most mail comes in one read, and every page touched costs a program that lives a millisecond.
const BLOCK: usize = 16 * 1024;

/// So much of a message that is not taken is still read: a caller that still writes would die of SIGPIPE and never see
/// why. It is more than any mail program sends, and one that never stops writing does not keep us for ever.
pub const MOST_DRAINED: u64 = 32 * 1024 * 1024;

/// So many CRs in a row are kept back until it shows whether a LF follows; those before them are bare.
const MOST_CARRIAGE_RETURNS: usize = 4 * 1024;

/// A source of CRLF lines.
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

/// What has been seen of the line in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nothing but CRs kept back.
    Empty,
    /// A dot, kept back because it may be alone.
    Dot,
    /// Text that has been passed on.
    Text,
}

impl<R: Read> Input<R> {
    /// Nothing is read yet.
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

    /// The next bytes, never an empty slice; `None` once the input has ended. LF stands only
    /// behind CR and CR only before LF; the last line has its line end too. Blocks may end anywhere.
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

    /// What was kept back turns out to be text.
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

    /// Bare CRs, as blanks.
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

/// Where the byte stands first. Not memchr's: that one asks the processor first what it can do, which takes a virtual
/// machine longer than the whole search through a message of cron's.
pub(crate) fn position(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|other| *other == byte)
}

/// Appends text, its bare CRs as blanks.
fn push_text(lines: &mut Vec<u8>, text: &[u8]) {
    let start = lines.len();
    lines.extend_from_slice(text);
    if text.contains(&b'\r') {
        lines[start..].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b' ');
    }
}

#[cfg(test)]
pub(crate) mod tests;
