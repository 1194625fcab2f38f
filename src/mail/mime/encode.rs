//! Quoted-printable and base64 (RFC 2045 sections 6.7 and 6.8) as content streams by, and
//! the mending of content that is in one of them, but with what it must not have.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Treatment;

/// Longest encoded line, without its end.
const LINE: usize = 76;

/// An encoding at work.
#[derive(Debug)]
pub(super) enum Encoder {
    Keep,
    Quoted(Quoted),
    Base64(Base64),
    /// base64 in lines of another length.
    Rewrap {
        column: usize,
    },
}

/// Quoted-printable.
#[derive(Debug)]
pub(super) struct Quoted {
    column: usize,
    /// A blank or tab that must be encoded if the line ends behind it.
    held: Option<u8>,
    /// Whether `=` is content, or the mark of what is encoded already.
    equals: Equals,
    /// How many digits of an `=XX` that is there already are still to come.
    digits: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Equals {
    Content,
    Mark,
}

/// base64.
#[derive(Debug, Default)]
pub(super) struct Base64 {
    /// Not yet encoded: less than a line's worth.
    waiting: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(treatment: Treatment) -> Self {
        let quoted = |equals| Self::Quoted(Quoted { column: 0, held: None, equals, digits: 0 });
        match treatment {
            Treatment::Keep | Treatment::Relabel => Self::Keep,
            Treatment::Quoted => quoted(Equals::Content),
            Treatment::MendQuoted => quoted(Equals::Mark),
            Treatment::Base64 => Self::Base64(Base64::default()),
            Treatment::MendBase64 => Self::Rewrap { column: 0 },
        }
    }

    /// Content without line ends.
    pub(super) fn bytes(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Keep => out.extend_from_slice(bytes),
            Self::Quoted(quoted) => bytes.iter().for_each(|&byte| quoted.byte(byte, out)),
            Self::Base64(base64) => base64.bytes(bytes, out),
            Self::Rewrap { column } => {
                for &byte in bytes.iter().filter(|byte| byte.is_ascii_graphic()) {
                    if *column == LINE {
                        out.extend_from_slice(b"\r\n");
                        *column = 0;
                    }
                    out.push(byte);
                    *column += 1;
                }
            }
        }
    }

    /// A line of content ends.
    pub(super) fn line_end(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Keep => out.extend_from_slice(b"\r\n"),
            Self::Quoted(quoted) => {
                quoted.flush(End::Line, out);
                out.extend_from_slice(b"\r\n");
                quoted.column = 0;
            }
            Self::Base64(base64) => base64.bytes(b"\r\n", out),
            Self::Rewrap { column } => {
                out.extend_from_slice(b"\r\n");
                *column = 0;
            }
        }
    }

    /// The content ends; what is written for it ends without a line end of its own, unless it had one.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Keep | Self::Rewrap { .. } => {}
            Self::Quoted(quoted) => quoted.flush(End::Line, out),
            Self::Base64(base64) => {
                if base64.waiting.is_empty() && out.ends_with(b"\r\n") {
                    // The last full line has its end already.
                    out.truncate(out.len() - 2);
                }
                out.extend_from_slice(STANDARD.encode(&base64.waiting).as_bytes());
                base64.waiting.clear();
            }
        }
    }
}

/// What comes behind a held blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Line,
    More,
}

impl Quoted {
    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.flush(End::More, out);
        match byte {
            b' ' | b'\t' => self.held = Some(byte),
            _ if self.digits > 0 && byte.is_ascii_graphic() => {
                self.digits -= 1;
                out.push(byte);
                self.column += 1;
            }
            b'=' if self.equals == Equals::Mark => {
                self.token(b"=", 3, out);
                self.digits = 2;
            }
            b'!'..=b'~' if byte != b'=' => self.token(&[byte], 1, out),
            _ => self.escaped(byte, out),
        }
    }

    fn flush(&mut self, end: End, out: &mut Vec<u8>) {
        if end == End::Line {
            self.digits = 0;
        }
        match (self.held.take(), end) {
            (None, _) => {}
            (Some(byte), End::Line) => self.escaped(byte, out),
            (Some(byte), End::More) => self.token(&[byte], 1, out),
        }
    }

    fn escaped(&mut self, byte: u8, out: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let token = [b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        self.token(&token, 3, out);
    }

    /// Writes what must not be divided, of which `whole` octets stand on one line.
    fn token(&mut self, token: &[u8], whole: usize, out: &mut Vec<u8>) {
        // Room for the soft line break.
        if self.column + whole > LINE - 1 {
            out.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
        out.extend_from_slice(token);
        self.column += token.len();
    }
}

impl Base64 {
    fn bytes(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        const WORTH: usize = LINE / 4 * 3;
        self.waiting.extend_from_slice(bytes);
        let full = self.waiting.len() / WORTH * WORTH;
        for line in self.waiting[..full].chunks(WORTH) {
            out.extend_from_slice(STANDARD.encode(line).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        self.waiting.drain(..full);
    }
}
