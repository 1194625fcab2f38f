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
                Ok(length) => self.take_in(length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(if self.lines.is_empty() { None } else { Some(&self.lines) })
    }

    fn take_in(&mut self, length: usize) {
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
            self.let_go();
            push_text(&mut self.lines, text);
        }
        self.keep_back(carriage_returns.len());
    }

    fn may_be_lone_dot(&self, text: &[u8]) -> bool {
        text == b"." && self.lone_dot == LoneDot::EndsInput && self.line == Line::Empty && self.carriage_returns == 0
    }

    /// What was kept back turns out to be text.
    fn let_go(&mut self) {
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
            self.let_go();
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
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    /// Hands out at most so many bytes at a time.
    pub struct Dribble<'a>(pub &'a [u8], pub usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(self.1).min(into.len());
            let (now, later) = self.0.split_at(length);
            into[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }

    fn all(bytes: &[u8], lone_dot: LoneDot, at_once: usize) -> Vec<u8> {
        let mut input = Input::new(Dribble(bytes, at_once), lone_dot);
        let mut all = Vec::new();
        while let Some(block) = input.next_block().unwrap() {
            assert!(!block.is_empty());
            all.extend_from_slice(block);
        }
        all
    }

    #[test]
    fn line_ends_become_crlf_and_the_lone_dot_ends_input() {
        for (given, expected) in [
            (&b""[..], &b""[..]),
            (b"a", b"a\r\n"),
            (b"a\n", b"a\r\n"),
            (b"a\r\nb\nc\r\r\n", b"a\r\nb\r\nc\r\n"),
            (b"a\rb\r\r c", b"a b   c\r\n"),
            (b"a\r", b"a\r\n"),
            (b"\r", b"\r\n"),
            (b"\r\n\n", b"\r\n\r\n"),
            (b"a\0b\n", b"a\0b\r\n"),
            (b"a\n.\nb\n", b"a\r\n"),
            (b"a\n.\r\nb\n", b"a\r\n"),
            (b"a\n.", b"a\r\n"),
            (b"a\n.\r", b"a\r\n"),
            (b".\n", b""),
            (b".", b""),
            (b"..\n.x\n. \n", b"..\r\n.x\r\n. \r\n"),
            (b".\r.\n", b". .\r\n"),
            (b"\r.\n", b" .\r\n"),
            (b".\rx", b". x\r\n"),
        ] {
            for at_once in [1, 2, 3, 1000] {
                assert_eq!(all(given, LoneDot::EndsInput, at_once), expected, "{given:?} by {at_once}");
            }
        }
    }

    #[test]
    fn with_i_a_lone_dot_is_text() {
        assert_eq!(all(b"a\n.\nb\n.", LoneDot::IsText, 1), b"a\r\n.\r\nb\r\n.\r\n");
    }

    #[test]
    fn endless_carriage_returns_are_blanks_but_for_the_last() {
        let mut given = b".".to_vec();
        given.extend(vec![b'\r'; 3 * BLOCK]);
        given.push(b'\n');
        for at_once in [1000, BLOCK] {
            let lines = all(&given, LoneDot::EndsInput, at_once);
            assert_eq!(lines.len(), 1 + 3 * BLOCK - MOST_CARRIAGE_RETURNS + 2);
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_has_crlf_lines_only_however_it_comes_in(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), any::<u8>()], 0..200),
            at_once in 1_usize..20,
        ) {
            for lone_dot in [LoneDot::EndsInput, LoneDot::IsText] {
                let lines = all(&bytes, lone_dot, at_once);
                prop_assert_eq!(&lines, &all(&bytes, lone_dot, BLOCK));
                prop_assert!(lines.is_empty() || lines.ends_with(b"\r\n"));
                for (at, byte) in lines.iter().enumerate() {
                    match byte {
                        b'\n' => prop_assert!(at > 0 && lines[at - 1] == b'\r'),
                        b'\r' => prop_assert_eq!(lines.get(at + 1), Some(&b'\n')),
                        _ => {}
                    }
                }
            }
        }
    }
}
