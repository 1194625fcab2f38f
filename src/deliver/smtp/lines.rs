//! Splits received bytes into lines, in a buffer of fixed size. Pure; `stream` reads from the connection, `reply`
//! parses the lines.
//!
//! The buffer holds two lines of the greatest length. A line that is longer is cut when it has filled more than one,
//! and the rest of it is discarded as it arrives, so that a server cannot make us hold more by never ending its line.

use std::borrow::Cow;

use memchr::memchr;

use super::reply::MAX_LINE;

/// Received bytes that were not returned as a line yet.
#[derive(Debug)]
pub struct Lines {
    /// The valid bytes are those from `start` to `end`.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// The start of an overlong line, while the rest of it arrives.
    clipped: Option<Vec<u8>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { buffer: vec![0; 2 * MAX_LINE].into_boxed_slice(), start: 0, end: 0, clipped: None }
    }
}

impl Lines {
    /// Whether no bytes are left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end && self.clipped.is_none()
    }

    /// Returns the next line without its line end, cut at [`MAX_LINE`] bytes; `None` if more bytes must be received
    /// first. A bare LF also ends a line.
    pub fn next_line(&mut self) -> Option<Cow<'_, [u8]>> {
        let unread = self.start..self.end;
        let Some(length) = memchr(b'\n', &self.buffer[unread.clone()]) else {
            // The CR may have arrived without its LF.
            if unread.len() > MAX_LINE + 1 && self.clipped.is_none() {
                self.clipped = Some(self.buffer[self.start..self.start + MAX_LINE].to_vec());
            }
            if self.clipped.is_some() {
                self.start = self.end;
            }
            return None;
        };
        self.start = unread.start + length + 1;
        if let Some(clipped) = self.clipped.take() {
            return Some(Cow::Owned(clipped));
        }
        let line = &self.buffer[unread.start..unread.start + length];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Some(Cow::Borrowed(&line[..line.len().min(MAX_LINE)]))
    }

    /// The space for the next bytes. It is not empty once all lines were taken.
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        &mut self.buffer[self.end..]
    }

    /// Records that this many bytes were written to that space.
    pub fn received(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }
}

#[cfg(test)]
mod tests;
