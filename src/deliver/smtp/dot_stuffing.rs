//! Content on its way into DATA (RFC 5321 section 4.5.2): dots are stuffed, no bare CR
//! or LF gets through, and the end is exactly CRLF, dot, CRLF. Works block by block, pure;
//! reading and sending are `transaction`'s.

use memchr::memchr2;

/// Where in a line the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    Middle,
    /// Behind one or more CRs that are not written yet: what follows says what they are.
    AfterCr,
}

/// Stuffs content that comes in blocks.
///
/// Stored content has CRLF line ends already and passes unchanged but for its dots. Should
/// anything else come: LF ends a line, CRs right before it belong to it, and any other CR
/// becomes a blank, as at admission.
#[derive(Debug)]
pub struct Stuffer {
    at: At,
    dots: Dots,
}

/// What dots at the start of lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dots {
    /// Doubled, and one alone ends the content: DATA.
    Stuffed,
    /// Nothing special: BDAT counts octets.
    Plain,
}

impl Default for Stuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Stuffer {
    /// At the start of the content.
    #[must_use]
    pub fn new() -> Self {
        Self { at: At::LineStart, dots: Dots::Stuffed }
    }

    /// At the start of content for BDAT (RFC 3030): line ends are set right, dots are not touched.
    #[must_use]
    pub fn for_chunks() -> Self {
        Self { at: At::LineStart, dots: Dots::Plain }
    }

    /// Appends the block's wire form to `out`.
    pub fn push(&mut self, mut block: &[u8], out: &mut Vec<u8>) {
        out.reserve(block.len() + block.len() / 64 + 4);
        while let Some(&first) = block.first() {
            match (self.at, first) {
                (_, b'\n') => {
                    out.extend_from_slice(b"\r\n");
                    self.at = At::LineStart;
                    block = &block[1..];
                }
                (At::AfterCr, b'\r') => block = &block[1..],
                (At::AfterCr, _) => {
                    out.push(b' ');
                    self.at = At::Middle;
                }
                (_, b'\r') => {
                    self.at = At::AfterCr;
                    block = &block[1..];
                }
                (At::LineStart, b'.') if self.dots == Dots::Stuffed => {
                    out.extend_from_slice(b"..");
                    self.at = At::Middle;
                    block = &block[1..];
                }
                (At::LineStart | At::Middle, _) => {
                    let end = memchr2(b'\r', b'\n', block).unwrap_or(block.len());
                    out.extend_from_slice(&block[..end]);
                    self.at = At::Middle;
                    block = &block[end..];
                }
            }
        }
    }

    /// Appends the end of the content: the CRLF that the last line may lack, then the lone dot of DATA.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self.at {
            At::LineStart => {}
            At::Middle | At::AfterCr => out.extend_from_slice(b"\r\n"),
        }
        if self.dots == Dots::Stuffed {
            out.extend_from_slice(b".\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
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
}
