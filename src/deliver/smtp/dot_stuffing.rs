//! Prepares content for DATA (RFC 5321 section 4.5.2): dots are stuffed, bare CR or LF is removed, and the end is
//! exactly CRLF, dot, CRLF. Works block by block, without I/O.
//!
//! A bare LF before a dot is what SMTP smuggling needs: some servers would take it for the end of the message and the
//! rest for further commands.

use memchr::memchr2;

/// Position of the next byte in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    Middle,
    /// After one or more CRs that are not written yet. The next byte determines what they are.
    AfterCr,
}

/// Stuffs content that arrives in blocks.
///
/// Stored content already has CRLF line ends, so only its dots change. In any other content, LF ends a line together
/// with any CRs directly before it, and any other CR becomes a blank, as at admission.
#[derive(Debug)]
pub struct Stuffer {
    at: At,
    dots: Dots,
}

/// What dots at the start of a line mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dots {
    /// They are doubled, and a single dot ends the content (DATA).
    Stuffed,
    /// Nothing special, because BDAT counts bytes.
    Plain,
}

impl Default for Stuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Stuffer {
    /// For content sent with DATA.
    #[must_use]
    pub fn new() -> Self {
        Self { at: At::LineStart, dots: Dots::Stuffed }
    }

    /// For content sent with BDAT (RFC 3030): line ends are normalised, dots are not changed.
    #[must_use]
    pub fn for_chunks() -> Self {
        Self { at: At::LineStart, dots: Dots::Plain }
    }

    /// Appends a block, as it is sent, to `out`.
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

    /// Appends the end of the content: a CRLF if the last line lacks one, then the single dot of DATA.
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
