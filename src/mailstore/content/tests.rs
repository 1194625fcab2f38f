//! Unit tests of `content`.

use proptest::prelude::*;

use super::*;

/// What is written of this message, handed over in pieces of at most `step` octets.
fn written(format: Format, message: &[u8], step: usize) -> Vec<u8> {
    let (mut lines, mut out) = (Lines::new(format), Vec::new());
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        // Only a line that is longer than the buffer comes in pieces, so each begins with more than a name is long.
        line.chunks(step).for_each(|piece| lines.pass(piece, &mut out));
    }
    lines.end(&mut out);
    out
}

fn mbox(message: &str) -> String {
    String::from_utf8(written(Format::Mbox, message.as_bytes(), 9000)).unwrap()
}

#[test]
fn every_from_line_is_quoted_after_an_empty_line_or_not_and_in_the_header_too() {
    assert_eq!(
        mbox("A: b\n\nFrom me\n\nFrom me\n>From me\n>>From me\nFrom:\nfrom x\n"),
        "A: b\n\n>From me\n\n>From me\n>>From me\n>>>From me\nFrom:\nfrom x\n\n"
    );
    assert_eq!(mbox("A: b\nFrom me\n>From me\n\nc\n"), "A: b\n>From me\n>>From me\n\nc\n\n");
}

#[test]
fn a_from_line_of_another_mailbox_above_the_header_is_left_out() {
    for first in ["From x Sat Nov 28 14:56:40 2026\n", ">From x Sat Nov 28 14:56:40 2026\n"] {
        assert_eq!(mbox(&format!("{first}A: b\n\nc\n")), "A: b\n\nc\n\n");
        let trace = "Return-Path: <a@b>\nDelivered-To: her@h\n";
        assert_eq!(mbox(&format!("{trace}{first}A: b\n\nc\n")), format!("{trace}A: b\n\nc\n\n"));
    }
}

#[test]
fn there_is_an_empty_line_after_the_header_a_final_newline_and_an_empty_line() {
    for (message, whole) in [
        ("A: b\n", "A: b\n\n"),
        ("A: b", "A: b\n\n"),
        ("A: b\n\n", "A: b\n\n"),
        ("A: b\n\nc", "A: b\n\nc\n"),
        ("A: b\n\nc\n", "A: b\n\nc\n"),
        ("A: b\n\n\n", "A: b\n\n\n"),
        ("", "\n"),
    ] {
        assert_eq!(written(Format::Maildir, message.as_bytes(), 9000), whole.as_bytes(), "{message:?}");
        assert_eq!(mbox(message), format!("{whole}\n"), "{message:?}");
    }
}

#[test]
fn what_mail_programs_note_for_themselves_is_not_taken_from_the_sender() {
    let noted = "Content-Length: 5\nSTATUS: RO\nX-Status: D\nX-UID : 7\nX-IMAP: 1\n 2\n\t3\nX-IMAPbase: 1\nX-Keywords: a\nLines: 1\n";
    let kept = "Return-Path: <a@b>\nStatus-X: 1\nX-Statuses: 2\n folded\n";
    let body = "Status: in the body\n";
    assert_eq!(mbox(&format!("{noted}{kept}{noted}\n{body}")), format!("{kept}\n{body}\n"));
    let all = format!("{noted}{kept}\n{body}");
    assert_eq!(written(Format::Maildir, all.as_bytes(), 9000), all.as_bytes());
}

#[test]
fn a_maildir_has_the_octets_of_the_message() {
    let message = b"From x\n>From x\nA: \xe9\0\r\n\nFrom y\n>From z\n..\n.\n\0\xff";
    assert_eq!(written(Format::Maildir, message, 9000), [&message[..], b"\n"].concat());
}

/// What an mboxrd reader makes of a message's lines.
fn unquoted(text: &[u8]) -> Vec<u8> {
    let unquote = |line: &'_ [u8]| {
        let is_quoted = line.starts_with(b">") && is_separator(without_quotes(line));
        line[usize::from(is_quoted)..].to_vec()
    };
    text.split_inclusive(|octet| *octet == b'\n').flat_map(unquote).collect()
}

proptest! {
    #[test]
    fn any_body_is_read_back_and_holds_no_separator(lines in proptest::collection::vec("(>{0,3}From |From: |\\.|[ -~]{0,3}|\\PC){0,2}[a-z\u{0}\u{e9}]{0,4}", 0..12)) {
        let body = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
        let text = written(Format::Mbox, format!("A: b\n\n{body}").as_bytes(), 9000);
        prop_assert!(!text.split(|octet| *octet == b'\n').any(is_separator));
        prop_assert_eq!(unquoted(&text), format!("A: b\n\n{body}\n").into_bytes());
    }

    #[test]
    fn pieces_of_a_long_line_make_no_difference(message in proptest::collection::vec(any::<u8>(), 0..600), step in 20..90_usize) {
        let message: Vec<u8> = message.iter().map(|octet| if octet % 41 == 0 { b'\n' } else { *octet }).collect();
        for format in [Format::Mbox, Format::Maildir] {
            prop_assert_eq!(written(format, &message, step), written(format, &message, 9000));
        }
    }
}
