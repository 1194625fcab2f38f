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
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All lines of the bytes, received in pieces of that size.
    fn lines(bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for chunk in bytes.chunks(piece) {
            lines.room()[..chunk.len()].copy_from_slice(chunk);
            lines.received(chunk.len());
            while let Some(line) = lines.next_line() {
                found.push(line.to_vec());
            }
        }
        found
    }

    #[test]
    fn line_ends_and_the_longest_line() {
        assert_eq!(lines(b"a\r\nb\n\r\nrest", 3), [b"a".to_vec(), b"b".to_vec(), Vec::new()]);
        for length in [MAX_LINE, MAX_LINE + 1, MAX_LINE + 2, 3 * MAX_LINE] {
            let long = [vec![b'x'; length], b"\r\nnext\r\n".to_vec()].concat();
            for piece in [1, 1000, 4096] {
                let found = lines(&long, piece);
                assert_eq!((found.len(), found[0].len()), (2, MAX_LINE), "{length} {piece}");
                assert_eq!(found[1], b"next");
            }
        }
    }

    proptest! {
        #[test]
        fn how_the_bytes_come_makes_no_difference(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..600), piece in 1_usize..700
        ) {
            prop_assert_eq!(lines(&bytes, piece), lines(&bytes, 1));
        }
    }
}
