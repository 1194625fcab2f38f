//! Unit tests of `deliver::smtp::dot_stuffing`.

use super::*;
use proptest::prelude::*;

fn stuffed(blocks: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut stuffer = Stuffer::new();
    for block in blocks {
        stuffer.push(block, &mut out);
    }
    stuffer.finish(&mut out);
    out
}

/// What a server makes of the wire form: the content, and what stands behind the lone dot.
fn received(wire: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut content = Vec::new();
    let mut rest = wire;
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")? + 2;
        let (line, next) = rest.split_at(end);
        rest = next;
        if line == b".\r\n" {
            return Some((content, rest));
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
}

#[test]
fn dots_line_ends_and_the_end() {
    for (content, wire) in [
        (&b""[..], &b".\r\n"[..]),
        (b".", b"..\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.\r\nQUIT\r\n", b"a\r\n..\r\nQUIT\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\n.\nb\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\r\n", b"a .\r\n.\r\n"),
        (b"a\r", b"a\r\n.\r\n"),
        (b"a\r\r\n.b\r\n", b"a\r\n..b\r\n.\r\n"),
        (b"\r.\r\n", b" .\r\n.\r\n"),
    ] {
        assert_eq!(stuffed(&[content]), wire, "{:?}", String::from_utf8_lossy(content));
    }
}

fn nasty() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'.'), Just(b'a'), any::<u8>()],
        0..200,
    )
}

proptest! {
    #[test]
    fn nothing_ends_the_data_early_and_no_bare_cr_or_lf_gets_out(content in nasty(), cut in 0usize..200) {
        let cut = cut.min(content.len());
        let wire = stuffed(&[&content[..cut], &content[cut..]]);
        prop_assert_eq!(&wire, &stuffed(&[&content]));
        let (_, behind) = received(&wire).ok_or_else(|| TestCaseError::fail("no end"))?;
        prop_assert!(behind.is_empty());
        for (at, byte) in wire.iter().enumerate() {
            match byte {
                b'\r' => prop_assert_eq!(wire.get(at + 1), Some(&b'\n')),
                b'\n' => prop_assert!(at > 0 && wire[at - 1] == b'\r'),
                _ => {}
            }
        }
    }

    #[test]
    fn chunks_hold_the_lines_as_they_are_without_bare_cr_or_lf(content in nasty(), cut in 0usize..200) {
        let cut = cut.min(content.len());
        let mut out = Vec::new();
        let mut stuffer = Stuffer::for_chunks();
        stuffer.push(&content[..cut], &mut out);
        stuffer.push(&content[cut..], &mut out);
        stuffer.finish(&mut out);
        let (unstuffed, _) = received(&stuffed(&[&content])).ok_or_else(|| TestCaseError::fail("no end"))?;
        prop_assert_eq!(out, unstuffed);
    }

    #[test]
    fn what_is_stored_arrives_as_it_is(lines in proptest::collection::vec("[.a-c \u{e9}]{0,5}", 0..30), cut in 0usize..200) {
        let content: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
        let cut = cut.min(content.len());
        let wire = stuffed(&[&content[..cut], &content[cut..]]);
        let (got, _) = received(&wire).ok_or_else(|| TestCaseError::fail("no end"))?;
        prop_assert_eq!(got, content);
    }
}
