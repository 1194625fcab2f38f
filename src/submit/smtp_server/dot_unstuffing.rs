//! The transparency of DATA (RFC 5321 section 4.5.2) undone as bytes come in, in
//! pieces of any size. Only CRLF begins a line and only CRLF `.` CRLF ends the
//! content: what treats a bare LF as a line end can be made to see a second message
//! in the middle of the first ("SMTP smuggling"). Only where a program of the same user
//! is at the other end of a pipe does a bare LF count.

/// Where in a line the next byte falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind a CRLF, or at the very beginning.
    LineStart,
    /// Behind a dot at the line's start, which is not passed on.
    Dot,
    /// Behind that dot and a CR, which is passed on only if no LF follows.
    DotCr,
    /// Anywhere else.
    Text,
    /// Behind a CR.
    Cr,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnd {
    /// Nothing else.
    Crlf,
    /// Both.
    CrlfOrLf,
}

/// What feeding bytes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fed {
    /// All bytes belong to the content; more must come.
    Open,
    /// The final dot came; that many bytes belong to the content and its end.
    Ended(usize),
}

/// Takes the stuffed dots and the final one away.
#[derive(Debug)]
pub(crate) struct Unstuffer {
    place: Place,
    line_end: LineEnd,
}

impl Unstuffer {
    /// At the first byte behind the DATA command's CRLF.
    pub(crate) fn new(line_end: LineEnd) -> Self {
        Self { place: Place::LineStart, line_end }
    }

    /// Hands the content in `input` to `write`, in pieces.
    pub(crate) fn feed(&mut self, input: &[u8], write: &mut dyn FnMut(&[u8])) -> Fed {
        let mut from = 0;
        for (at, &byte) in input.iter().enumerate() {
            match (self.place, byte) {
                (Place::LineStart, b'.') => {
                    pass_on(&input[from..at], write);
                    from = at + 1;
                    self.place = Place::Dot;
                }
                (Place::Dot, b'\r') => {
                    from = at + 1;
                    self.place = Place::DotCr;
                }
                (Place::DotCr, b'\n') => return Fed::Ended(at + 1),
                (Place::Dot, b'\n') if self.line_end == LineEnd::CrlfOrLf => return Fed::Ended(at + 1),
                (Place::LineStart | Place::Text, b'\n') if self.line_end == LineEnd::CrlfOrLf => {
                    self.place = Place::LineStart;
                }
                (Place::DotCr, _) => {
                    write(b"\r");
                    self.place = if byte == b'\r' { Place::Cr } else { Place::Text };
                }
                (Place::Cr, b'\n') => self.place = Place::LineStart,
                (Place::LineStart | Place::Text | Place::Cr, b'\r') => self.place = Place::Cr,
                (Place::LineStart | Place::Dot | Place::Text | Place::Cr, _) => self.place = Place::Text,
            }
        }
        pass_on(&input[from..], write);
        Fed::Open
    }
}

fn pass_on(span: &[u8], write: &mut dyn FnMut(&[u8])) {
    if !span.is_empty() {
        write(span);
    }
}

#[cfg(test)]
mod tests {
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
}
