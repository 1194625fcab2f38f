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
mod tests;
