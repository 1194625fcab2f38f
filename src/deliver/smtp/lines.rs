//! Received bytes -> lines, in a buffer that never grows. Pure: reading from the connection is `stream`'s, what a
//! line says `reply`'s.

use std::borrow::Cow;

use memchr::memchr;

use super::reply::MAX_LINE;

/// What has been received and not yet taken out as a line.
#[derive(Debug)]
pub struct Lines {
    /// Of these the octets from `start` to `end`.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// The beginning of a line that is too long, while its rest comes.
    clipped: Option<Vec<u8>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { buffer: vec![0; 2 * MAX_LINE].into_boxed_slice(), start: 0, end: 0, clipped: None }
    }
}

impl Lines {
    /// Whether nothing is left over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end && self.clipped.is_none()
    }

    /// Takes out the next line, without its end and without what exceeds [`MAX_LINE`] octets; `None`: more must be
    /// received first. A bare LF ends a line too.
    pub fn next_line(&mut self) -> Option<Cow<'_, [u8]>> {
        let unread = self.start..self.end;
        let Some(length) = memchr(b'\n', &self.buffer[unread.clone()]) else {
            // Its CR may have come without its LF.
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

    /// Where the next octets go; there is room once no line is left to be taken out.
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        &mut self.buffer[self.end..]
    }

    /// So many octets were put into the room.
    pub fn received(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }
}

#[cfg(test)]
mod tests;
