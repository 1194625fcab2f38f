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
mod tests;
