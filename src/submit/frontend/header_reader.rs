//! Finds the end of the header, as Postfix does, and leaves the body to be streamed.

use std::io;
use std::io::Read;

use super::input::{Input, MOST_DRAINED, position};
use crate::mail::header::{LineKind, line_kind};

/// The largest header in bytes. A larger one is refused.
pub const MOST_HEADER: usize = 2 * 1024 * 1024;

/// How many bytes of a line are examined to decide whether it is a header field.
const PROBE: usize = 4 * 1024;

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// Larger than [`MOST_HEADER`].
    #[error("the header of the message is larger than 2 MiB; an empty line must end it")]
    TooLong,
    /// The caller's input could not be read.
    #[error("cannot read the message: {0}")]
    Read(#[from] io::Error),
}

/// What follows the header, starting with the blank line if there is a body.
#[derive(Debug)]
pub struct Body<R> {
    /// Bytes that were read together with the header.
    ahead: Vec<u8>,
    handed_out: Vec<u8>,
    input: Input<R>,
}

impl<R: Read> Body<R> {
    /// The next bytes, with CRLF line ends. Never an empty slice; `None` at the end.
    pub fn next_block(&mut self) -> io::Result<Option<&[u8]>> {
        self.handed_out = std::mem::take(&mut self.ahead);
        if self.handed_out.is_empty() { self.input.next_block() } else { Ok(Some(&self.handed_out)) }
    }

    /// Reads and discards up to [`MOST_DRAINED`] bytes.
    pub fn drain(&mut self) {
        let mut left = MOST_DRAINED;
        while let Ok(Some(block)) = self.input.next_block() {
            let Some(less) = left.checked_sub(block.len() as u64) else { return };
            left = less;
        }
    }
}

/// Reads the header with CRLF line ends, without mbox `From ` lines and white space before colons, and each line cut
/// at its first NUL. Everything from the blank line on is left to the [`Body`].
pub fn read<R: Read>(input: Input<R>) -> Result<(Vec<u8>, Body<R>), HeadError> {
    let mut lines = Lines { input, bytes: Vec::new(), at: 0, ended: false };
    let mut head = Vec::new();
    let mut ahead = Vec::new();
    lines.skip_mbox_lines()?;
    while let Some(line) = lines.peek()? {
        match line_kind(line) {
            LineKind::Field => push_field(lines.take(head.len())?, &mut head),
            LineKind::Continuation if !head.is_empty() => push_line(lines.take(head.len())?, &mut head),
            LineKind::Blank => break,
            LineKind::Continuation | LineKind::Other => {
                ahead.extend_from_slice(b"\r\n");
                break;
            }
        }
    }
    ahead.extend_from_slice(lines.rest());
    Ok((head, Body { ahead, handed_out: Vec::new(), input: lines.input }))
}

/// Adds the first line of a field, with its line end.
fn push_field(line: &[u8], head: &mut Vec<u8>) {
    let (name, value) = line.split_at(position(b':', line).unwrap_or(line.len()));
    head.extend_from_slice(name.trim_ascii_end());
    push_line(value, head);
}

/// Adds a line with its line end. Text after a NUL is dropped, as Postfix does.
fn push_line(line: &[u8], head: &mut Vec<u8>) {
    if let Some(nul) = position(0, line) {
        head.extend_from_slice(&line[..nul]);
        head.extend_from_slice(b"\r\n");
    } else {
        head.extend_from_slice(line);
    }
}

/// Lines that were read but not used yet.
struct Lines<R> {
    input: Input<R>,
    bytes: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Lines<R> {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn read_on(&mut self) -> io::Result<()> {
        self.bytes.drain(..self.at);
        self.at = 0;
        match self.input.next_block()? {
            Some(block) => self.bytes.extend_from_slice(block),
            None => self.ended = true,
        }
        Ok(())
    }

    /// The start of the next line, without its line end, long enough to tell what it is; `None` at the end.
    fn peek(&mut self) -> io::Result<Option<&[u8]>> {
        while !self.ended && self.rest().len() < PROBE && position(b'\n', self.rest()).is_none() {
            self.read_on()?;
        }
        let rest = self.rest();
        let start = &rest[..rest.len().min(PROBE)];
        // `Input` guarantees that every LF follows a CR.
        let line = position(b'\n', start).map_or(start, |end| &start[..end.saturating_sub(1)]);
        Ok((!rest.is_empty()).then_some(line))
    }

    /// Takes the whole line, with its line end. `before` is the size of the header so far.
    fn take(&mut self, before: usize) -> Result<&[u8], HeadError> {
        let mut searched = 0;
        let length = loop {
            if let Some(end) = position(b'\n', &self.rest()[searched..]) {
                break searched + end + 1;
            }
            searched = self.rest().len();
            if self.ended || before + searched > MOST_HEADER {
                break searched;
            }
            self.read_on()?;
        };
        if before + length > MOST_HEADER {
            return Err(HeadError::TooLong);
        }
        let start = self.at;
        self.at += length;
        Ok(&self.bytes[start..self.at])
    }

    /// Skips leading `From ` and `>From ` lines of any length.
    fn skip_mbox_lines(&mut self) -> io::Result<()> {
        while self.peek()?.is_some_and(|line| line.starts_with(b"From ") || line.starts_with(b">From ")) {
            while !self.ended {
                if let Some(end) = position(b'\n', self.rest()) {
                    self.at += end + 1;
                    break;
                }
                self.at = self.bytes.len();
                self.read_on()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
