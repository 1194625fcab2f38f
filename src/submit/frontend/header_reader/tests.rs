//! Unit tests of `submit::frontend::header_reader`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::submit::frontend::input::LoneDot;
use crate::submit::frontend::input::tests::Dribble;

fn parts(bytes: &[u8], at_once: usize) -> (String, String) {
    let input = Input::new(Dribble(bytes, at_once), LoneDot::EndsInput);
    let (head, mut body) = read(input).unwrap();
    let mut rest = Vec::new();
    while let Some(block) = body.next_block().unwrap() {
        assert!(!block.is_empty());
        rest.extend_from_slice(block);
    }
    (String::from_utf8(head).unwrap(), String::from_utf8(rest).unwrap())
}

#[test]
fn the_header_ends_where_postfix_ends_it() {
    for (given, head, body) in [
        ("", "", ""),
        ("A: b\n", "A: b\r\n", ""),
        ("A: b", "A: b\r\n", ""),
        ("A: b\n\n", "A: b\r\n", "\r\n"),
        ("A: b\n\nC: d\n", "A: b\r\n", "\r\nC: d\r\n"),
        ("\ntext\n", "", "\r\ntext\r\n"),
        ("text\nmore\n", "", "\r\ntext\r\nmore\r\n"),
        ("A: b\ntext\n", "A: b\r\n", "\r\ntext\r\n"),
        (" text\nA: b\n", "", "\r\n text\r\nA: b\r\n"),
        ("A: b\n c\n \t\n\nx", "A: b\r\n c\r\n \t\r\n", "\r\nx\r\n"),
        ("Dear reader: text\n", "", "\r\nDear reader: text\r\n"),
        ("http://x\n", "http://x\r\n", ""),
        (": x\n", "", "\r\n: x\r\n"),
        ("From a@x Sun\n>From b\nA: b\n\nFrom x\n", "A: b\r\n", "\r\nFrom x\r\n"),
        ("From : a@x\nA: b\n", "A: b\r\n", ""),
        ("From x\n", "", ""),
        ("A: b\nFrom x\n", "A: b\r\n", "\r\nFrom x\r\n"),
        ("Subject \t: x  \n", "Subject: x  \r\n", ""),
        ("To: a\0b\n c\0\nX: d\n", "To: a\r\n c\r\nX: d\r\n", ""),
        ("A: b\n.\nC: d\n", "A: b\r\n", ""),
        (".\nA: b\n", "", ""),
    ] {
        for at_once in [1, 7, 1000] {
            assert_eq!(parts(given.as_bytes(), at_once), (head.to_owned(), body.to_owned()), "{given:?}");
        }
    }
}

#[test]
fn a_header_is_bounded_and_a_body_is_not() {
    let long = |start: &str, length: usize| format!("{start}{}", "x".repeat(length)).into_bytes();
    for (bytes, fits) in [
        (long("A: ", MOST_HEADER - 5), true),
        (long("A: ", MOST_HEADER), false),
        (long("A: b\n ", MOST_HEADER), false),
        (long("", 2 * MOST_HEADER), true),
        (long("From ", 2 * MOST_HEADER), true),
        ("A: b\n".repeat(MOST_HEADER / 5).into_bytes(), false),
    ] {
        let read = read(Input::new(&bytes[..], LoneDot::EndsInput));
        assert_eq!(read.is_ok(), fits, "{} octets of {:?}", bytes.len(), &bytes[..4]);
    }
}
