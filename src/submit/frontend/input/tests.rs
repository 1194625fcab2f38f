//! Unit tests of `submit::frontend::input`.
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
