//! Making a message fit for a server that takes less than it holds: 8-bit content where
//! 8BITMIME is missing, long lines and NUL anywhere. Part by part, the structure and what
//! is signed, encrypted, forwarded or in an unknown encoding left alone; streaming, no I/O
//! of its own but the reader that it is given.

mod encode;
mod field;
mod part;
mod survey;
mod walk;

use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encode::Encoder;
use part::{Guard, Kind, Part};
use survey::Survey;
use walk::{Sink, Walker};

/// Longest line, without its end, that every server passes on whole. RFC 5321 section 4.5.3.1.6 allows 998 octets, but
/// Haraka and Sendmail break lines at 990.
pub const LONGEST_LINE: usize = 989;
/// Octets that are read at once.
const BLOCK: usize = 16 * 1024;

/// What the server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Octets over 127 (8BITMIME).
    EightBit,
    /// ASCII only.
    SevenBit,
}

/// Why a message cannot go to that server; our words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CannotConvert(String);

/// What a look through a message found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It can go as it is.
    Fit {
        /// Whether it holds octets over 127, in its header or behind it.
        eight_bit: bool,
    },
    /// It must be converted, so.
    Convert(Conversion),
    /// It must be converted, and may not be.
    Not(CannotConvert),
}

/// How a message is converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    takes: Takes,
    /// For each part in the order of their headers, the message itself first.
    parts: Vec<Treatment>,
    /// What goes out holds octets over 127 (in parts that need no treatment).
    eight_bit: bool,
    /// What a text is in whose header does not say.
    charset: &'static str,
}

/// What becomes of a part's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Keep,
    /// The content of a container changes, so that its label must.
    Relabel,
    Quoted,
    Base64,
    /// It is quoted-printable already, with octets or lines that it must not have.
    MendQuoted,
    /// It is base64 already, in lines that are too long.
    MendBase64,
}

/// Looks a message through: `header` without the blank line, `body` from it on.
pub fn look(header: &[u8], body: &mut dyn Read, takes: Takes) -> io::Result<Finding> {
    let mut survey = Survey::default();
    run(header, body, &mut survey)?;
    let eight_bit = survey.is_high() || !header.is_ascii();
    Ok(match survey.treatments(takes) {
        Ok(parts) if survey.is_fit(&parts, takes) && is_fit(header, takes) => Finding::Fit { eight_bit },
        Ok(parts) => Finding::Convert(Conversion {
            takes,
            parts,
            eight_bit: eight_bit && takes == Takes::EightBit,
            charset: survey.charset(),
        }),
        Err(refusal) => Finding::Not(refusal),
    })
}

/// Whether a header, or what stands between parts, can go as it is.
fn is_fit(text: &[u8], takes: Takes) -> bool {
    (takes == Takes::EightBit || text.is_ascii()) && !has_nul(text) && !has_long_line(text)
}

fn has_nul(text: &[u8]) -> bool {
    memchr::memchr(0, text).is_some()
}

fn has_long_line(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(|line| line.strip_suffix(b"\r").unwrap_or(line).len() > LONGEST_LINE)
}

impl Conversion {
    /// Whether what goes out holds octets over 127.
    #[must_use]
    pub fn is_eight_bit(&self) -> bool {
        self.eight_bit
    }

    /// The header as it goes out, without the blank line.
    #[must_use]
    pub fn header(&self, header: &[u8]) -> Vec<u8> {
        let part = Part::read(header, Kind::Text);
        part::rewritten(header, &part, self.treatment(0), self.takes, self.charset)
    }

    /// The rest as it goes out, from the blank line on.
    #[must_use]
    pub fn body<'r>(&self, header: &[u8], body: Box<dyn Read + 'r>) -> impl Read + 'r {
        Converted {
            source: body,
            walker: Walker::new(header),
            writer: Writer::new(self.clone()),
            sent: 0,
            is_over: false,
        }
    }

    fn treatment(&self, part: usize) -> Treatment {
        self.parts.get(part).copied().unwrap_or(Treatment::Keep)
    }
}

fn run(header: &[u8], body: &mut dyn Read, sink: &mut dyn Sink) -> io::Result<()> {
    let mut walker = Walker::new(header);
    let mut block = vec![0; BLOCK];
    loop {
        let count = match body.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        walker.push(&block[..count], sink);
    }
    walker.finish(sink);
    Ok(())
}

/// The second walk.
#[derive(Debug)]
struct Writer {
    conversion: Conversion,
    part: usize,
    encoder: Encoder,
    column: usize,
    out: Vec<u8>,
}

impl Writer {
    fn new(conversion: Conversion) -> Self {
        Self { conversion, part: 0, encoder: Encoder::Keep, column: 0, out: Vec::with_capacity(2 * BLOCK) }
    }
}

impl Sink for Writer {
    fn header(&mut self, raw: &[u8], part: &Part, depth: usize) {
        let treatment = self.conversion.treatment(self.part);
        self.part += 1;
        // The message's own header went out before.
        if depth > 0 {
            let bytes = if part.guard == Guard::None {
                part::rewritten(raw, part, treatment, self.conversion.takes, self.conversion.charset)
            } else {
                raw.to_vec()
            };
            self.out.extend_from_slice(&bytes);
        }
        self.encoder = Encoder::new(treatment);
        self.column = 0;
    }

    fn content(&mut self, bytes: &[u8]) {
        self.encoder.bytes(bytes, &mut self.out);
    }

    fn line_end(&mut self) {
        self.encoder.line_end(&mut self.out);
    }

    fn content_end(&mut self) {
        self.encoder.finish(&mut self.out);
        self.encoder = Encoder::Keep;
    }

    /// What stands between parts is for nobody; it must only do no harm. A signature may cover it, though.
    fn between(&mut self, bytes: &[u8], guard: Guard) {
        if guard != Guard::None {
            self.out.extend_from_slice(bytes);
            return;
        }
        for &byte in bytes {
            if byte == b'\n' {
                self.column = 0;
            } else {
                self.column += 1;
            }
            if self.column > LONGEST_LINE && byte != b'\r' {
                self.out.extend_from_slice(b"\r\n");
                self.column = 1;
            }
            let seven = self.conversion.takes == Takes::SevenBit;
            self.out.push(if byte == 0 || (seven && !byte.is_ascii()) { b'?' } else { byte });
        }
    }

    fn delimiter(&mut self, line: &[u8]) {
        self.column = 0;
        self.out.extend_from_slice(line);
    }
}

/// The reader of what goes out.
struct Converted<'r> {
    source: Box<dyn Read + 'r>,
    walker: Walker,
    writer: Writer,
    sent: usize,
    is_over: bool,
}

impl Read for Converted<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut block = [0; BLOCK];
        while self.sent == self.writer.out.len() && !self.is_over {
            self.writer.out.clear();
            self.sent = 0;
            let count = self.source.read(&mut block)?;
            if count == 0 {
                self.is_over = true;
                self.walker.finish(&mut self.writer);
            } else {
                self.walker.push(&block[..count], &mut self.writer);
            }
        }
        let ready = &self.writer.out[self.sent..];
        let count = ready.len().min(room.len());
        room[..count].copy_from_slice(&ready[..count]);
        self.sent += count;
        Ok(count)
    }
}

/// Octets in base64, in CRLF lines of 76 characters (RFC 2045 section 6.8).
#[must_use]
pub fn base64(content: &[u8]) -> Vec<u8> {
    const OCTETS_OF_A_LINE: usize = 57;
    let lines = content.chunks(OCTETS_OF_A_LINE).map(|octets| STANDARD.encode(octets) + "\r\n");
    lines.collect::<String>().into_bytes()
}

/// CRLF lines in quoted-printable (RFC 2045 section 6.7).
#[must_use]
pub fn quoted_printable(content: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(Treatment::Quoted);
    let mut out = Vec::with_capacity(content.len() + content.len() / 8);
    let mut lines = content.split_inclusive(|byte| *byte == b'\n');
    for line in &mut lines {
        if let Some(line) = line.strip_suffix(b"\r\n") {
            encoder.bytes(line, &mut out);
            encoder.line_end(&mut out);
        } else {
            encoder.bytes(line, &mut out);
        }
    }
    encoder.finish(&mut out);
    out
}

#[cfg(test)]
mod tests;
