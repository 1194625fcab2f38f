//! Unit tests of `submit::smtp_server::dot_unstuffing`.

use proptest::prelude::*;

use super::*;

fn stuff(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (at, &byte) in content.iter().enumerate() {
        if byte == b'.' && (at == 0 || content[..at].ends_with(b"\r\n")) {
            wire.push(b'.');
        }
        wire.push(byte);
    }
    wire
}

fn unstuff<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Option<usize>) {
    let mut unstuffer = Unstuffer::new(LineEnd::Crlf);
    let (mut content, mut before) = (Vec::new(), 0);
    for piece in pieces {
        match unstuffer.feed(piece, &mut |bytes| content.extend_from_slice(bytes)) {
            Fed::Open => before += piece.len(),
            Fed::Ended(used) => return (content, Some(before + used)),
        }
    }
    (content, None)
}

fn whole(wire: &[u8]) -> (Vec<u8>, Option<usize>) {
    unstuff(std::iter::once(wire))
}

#[test]
fn dots_come_off_and_the_lone_one_ends() {
    assert_eq!(whole(b"..a\r\n.b\r\n...\r\n.\r\nQUIT"), (b".a\r\nb\r\n..\r\n".to_vec(), Some(17)));
    assert_eq!(whole(b".\r\n"), (Vec::new(), Some(3)));
}

#[test]
fn where_a_bare_lf_counts_it_ends_lines_and_content() {
    for wire in [&b"..a\nb\n.\nQUIT"[..], b"..a\nb\n.\r\nQUIT"] {
        let mut content = Vec::new();
        let fed = Unstuffer::new(LineEnd::CrlfOrLf).feed(wire, &mut |bytes| content.extend_from_slice(bytes));
        assert_eq!((fed, content), (Fed::Ended(wire.len() - 4), b".a\nb\n".to_vec()));
    }
}

#[test]
fn nothing_but_crlf_dot_crlf_ends_a_message() {
    for near in [
        &b"a\n.\n"[..],
        b"a\n.\r\n",
        b"a\r\n.\n",
        b"a\r.\r\n",
        b"a\r\n.\r",
        b"a\r\n.\rx\n",
        b"a\r\n.\r\r\n",
        b"a\r\n. \r\n",
        b"a\r\n.\0\r\n",
    ] {
        assert_eq!(whole(near).1, None, "{:?}", String::from_utf8_lossy(near));
    }
}

/// Bytes that are mostly dots and line ends, where the mistakes are.
fn dotty() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'a'), any::<u8>()], 0..200)
}

proptest! {
    #[test]
    fn unstuffing_undoes_stuffing_and_ends_where_it_must(content in dotty(), piece in 1_usize..20, rest in dotty()) {
        let mut content = content;
        if !content.is_empty() {
            content.extend_from_slice(b"\r\n");
        }
        let mut wire = stuff(&content);
        wire.extend_from_slice(b".\r\n");
        let end = wire.len();
        wire.extend_from_slice(&rest);
        prop_assert_eq!(unstuff(wire.chunks(piece)), (content, Some(end)));
    }

    #[test]
    fn pieces_do_not_matter(wire in dotty(), piece in 1_usize..20) {
        prop_assert_eq!(unstuff(wire.chunks(piece)), whole(&wire));
    }
}
