//! Undoes the transparency of DATA (RFC 5321 section 4.5.2) while bytes arrive, in pieces of any size.
//!
//! Only CRLF starts a line, and only CRLF `.` CRLF ends the content. If a server also accepts a bare LF there, an
//! attacker can hide a second message in the first one, which servers before it do not see ("SMTP smuggling"). A bare
//! LF counts only on a pipe from a program of the same user.

/// The position of the next byte in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// After CRLF, or at the start.
    LineStart,
    /// After a dot at the start of a line, which is not passed on.
    Dot,
    /// After such a dot and a CR, which is passed on only if no LF follows.
    DotCr,
    /// Anywhere else.
    Text,
    /// After a CR.
    Cr,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnd {
    /// CRLF only.
    Crlf,
    /// CRLF or a bare LF.
    CrlfOrLf,
}

/// The result of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fed {
    /// All bytes are content, and more must follow.
    Open,
    /// The final dot arrived. This many bytes belong to the content and its end.
    Ended(usize),
}

/// Removes stuffed dots and the final one.
#[derive(Debug)]
pub(crate) struct Unstuffer {
    place: Place,
    line_end: LineEnd,
}

impl Unstuffer {
    /// Starts directly after the DATA command.
    pub(crate) fn new(line_end: LineEnd) -> Self {
        Self { place: Place::LineStart, line_end }
    }

    /// Passes the content in `input` to `write`, in pieces.
    pub(crate) fn feed(&mut self, input: &[u8], write: &mut dyn FnMut(&[u8])) -> Fed {
        let (mut from, mut at) = (0, 0);
        while let Some(&byte) = input.get(at) {
            if self.place == Place::Text && !self.may_end_line(byte) {
                // Within a line, nothing but its end matters.
                match self.end_of_text(&input[at..]) {
                    Some(skipped) => at += skipped,
                    None => break,
                }
                continue;
            }
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
            at += 1;
        }
        pass_on(&input[from..], write);
        Fed::Open
    }

    fn may_end_line(&self, byte: u8) -> bool {
        byte == b'\r' || (byte == b'\n' && self.line_end == LineEnd::CrlfOrLf)
    }

    /// Where the first octet is that may end a line.
    fn end_of_text(&self, text: &[u8]) -> Option<usize> {
        match self.line_end {
            LineEnd::Crlf => memchr::memchr(b'\r', text),
            LineEnd::CrlfOrLf => memchr::memchr2(b'\r', b'\n', text),
        }
    }
}

fn pass_on(span: &[u8], write: &mut dyn FnMut(&[u8])) {
    if !span.is_empty() {
        write(span);
    }
}

#[cfg(test)]
mod tests;
