//! Received bytes -> lines, in a buffer that never grows. Pure: reading from the connection is `stream`'s, what a
//! line says `reply`'s.

use memchr::memchr;

use super::reply::MAX_LINE;

/// What has been received and not yet taken out as a line.
#[derive(Debug)]
pub struct Lines {
    /// Of these the octets from `start` to `end`.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

/// A line of more than [`MAX_LINE`] octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent a line of more than {MAX_LINE} bytes")]
pub struct TooLong;

impl Default for Lines {
    fn default() -> Self {
        Self { buffer: vec![0; 2 * MAX_LINE].into_boxed_slice(), start: 0, end: 0 }
    }
}

impl Lines {
    /// Whether nothing is left over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes out the next line, without its end; `None`: more must be received first. A bare LF ends a line too.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let unread = &self.buffer[self.start..self.end];
        match memchr(b'\n', unread) {
            Some(at) if at <= MAX_LINE + 1 => {
                let line = &unread[..at];
                self.start += at + 1;
                Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
            }
            // Its CR may have come without its LF.
            None if unread.len() <= MAX_LINE + 1 => Ok(None),
            Some(_) | None => Err(TooLong),
        }
    }

    /// Where the next octets go; there is room as long as no line is too long.
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
    fn lines(bytes: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, TooLong> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for chunk in bytes.chunks(piece) {
            lines.room()[..chunk.len()].copy_from_slice(chunk);
            lines.received(chunk.len());
            while let Some(line) = lines.next_line()? {
                found.push(line.to_vec());
            }
        }
        Ok(found)
    }

    #[test]
    fn line_ends_and_the_longest_line() {
        assert_eq!(lines(b"a\r\nb\n\r\nrest", 3), Ok(vec![b"a".to_vec(), b"b".to_vec(), Vec::new()]));
        let longest = [vec![b'x'; MAX_LINE], b"\r\n".to_vec()].concat();
        for piece in [1, 1000, 4096] {
            assert_eq!(lines(&longest, piece).map(|found| found[0].len()), Ok(MAX_LINE));
        }
        assert_eq!(lines(&vec![b'x'; MAX_LINE + 2], 1000), Err(TooLong));
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
