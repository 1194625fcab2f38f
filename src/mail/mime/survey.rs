//! The first walk through a message: what each part holds, and what must become of it
//! for a server that takes less.

use super::part::{Encoding, Guard, Kind, Part};
use super::walk::Sink;
use super::{CannotConvert, LONGEST_LINE, Takes, Treatment, has_long_line};

/// What was seen of a part.
#[derive(Debug, Clone)]
struct Seen {
    part: Part,
    high: u64,
    total: u64,
    long: bool,
    header_high: bool,
    header_long: bool,
    /// Containers around it.
    depth: usize,
}

/// The first walk.
#[derive(Debug, Default)]
pub(super) struct Survey {
    parts: Vec<Seen>,
    line: usize,
    between_high: bool,
    between_long: bool,
    text: Text,
}

/// Whether all content is UTF-8.
#[derive(Debug, Default)]
struct Text {
    /// The beginning of a character whose end comes with the next piece.
    begun: Vec<u8>,
    is_other: bool,
}

impl Text {
    fn take(&mut self, bytes: &[u8]) {
        if self.is_other || (self.begun.is_empty() && bytes.is_ascii()) {
            return;
        }
        self.begun.extend_from_slice(bytes);
        match std::str::from_utf8(&self.begun) {
            Ok(_) => self.begun.clear(),
            Err(error) if error.error_len().is_none() => drop(self.begun.drain(..error.valid_up_to())),
            Err(_) => self.is_other = true,
        }
    }

    fn charset(&self) -> &'static str {
        if self.is_other || !self.begun.is_empty() { "unknown-8bit" } else { "utf-8" }
    }
}

impl Survey {
    /// Whether there are octets over 127.
    pub(super) fn is_high(&self) -> bool {
        self.parts.iter().any(|seen| seen.high > 0 || seen.header_high) || self.between_high
    }

    /// Whether there are lines beyond 998 octets.
    pub(super) fn is_long(&self) -> bool {
        self.parts.iter().any(|seen| seen.long || seen.header_long) || self.between_long
    }

    /// What a text is in whose header does not say.
    pub(super) fn charset(&self) -> &'static str {
        self.text.charset()
    }

    /// What becomes of each part.
    pub(super) fn treatments(&self, takes: Takes) -> Result<Vec<Treatment>, CannotConvert> {
        let seven = takes == Takes::SevenBit;
        let mut treatments = Vec::with_capacity(self.parts.len());
        for seen in &self.parts {
            let needs = seen.long || (seven && seen.high > 0);
            let treatment = match (&seen.part.kind, needs) {
                (Kind::Multipart { .. }, _) | (_, false) => Treatment::Keep,
                (_, true) => {
                    forbidden(seen, takes)?;
                    treatment(seen)
                }
            };
            let header_needs = seen.header_long || (seven && seen.header_high);
            if header_needs && seen.depth > 0 {
                forbidden(seen, takes)?;
            }
            treatments.push(treatment);
        }
        let changes = treatments.iter().any(|treatment| *treatment != Treatment::Keep);
        for (seen, treatment) in self.parts.iter().zip(&mut treatments) {
            let is_container = matches!(seen.part.kind, Kind::Multipart { .. });
            if is_container && changes && seven && seen.part.encoding == Encoding::Identity {
                *treatment = Treatment::Relabel;
            }
        }
        Ok(treatments)
    }
}

fn forbidden(seen: &Seen, takes: Takes) -> Result<(), CannotConvert> {
    let inside = match seen.part.guard {
        Guard::None => return Ok(()),
        Guard::Signed => "a signed part, whose signature would break",
        Guard::Encrypted => "an encrypted part, which would break",
        Guard::Message => "an attached message, which must not be changed",
    };
    let what = match (takes, seen.high > 0 || seen.header_high) {
        (Takes::SevenBit, true) => "the server accepts only ASCII (no 8BITMIME), and the message has 8-bit text",
        _ => "the message has a line of more than 998 bytes, which servers need not accept",
    };
    Err(CannotConvert(format!(
        "{what} in {inside}; it cannot be re-encoded during delivery: submit it encoded (quoted-printable or base64)"
    )))
}

/// Text that stays readable is quoted, all else goes in base64.
fn treatment(seen: &Seen) -> Treatment {
    match (seen.part.encoding, &seen.part.kind) {
        (Encoding::Quoted, _) => Treatment::MendQuoted,
        (Encoding::Base64, _) => Treatment::MendBase64,
        (Encoding::Identity, Kind::Text) if seen.high * 2 <= seen.total => Treatment::Quoted,
        (Encoding::Identity, _) => Treatment::Base64,
    }
}

impl Sink for Survey {
    fn header(&mut self, raw: &[u8], part: &Part, depth: usize) {
        self.line = 0;
        let own = depth > 0;
        self.parts.push(Seen {
            part: part.clone(),
            high: 0,
            total: 0,
            long: false,
            header_high: own && !raw.is_ascii(),
            header_long: own && has_long_line(raw),
            depth,
        });
    }

    fn content(&mut self, bytes: &[u8]) {
        self.line += bytes.len();
        self.text.take(bytes);
        let Some(seen) = self.parts.last_mut() else { return };
        seen.total += bytes.len() as u64;
        seen.high += bytes.iter().filter(|byte| !byte.is_ascii()).count() as u64;
        seen.long |= self.line > LONGEST_LINE;
    }

    fn line_end(&mut self) {
        self.line = 0;
    }

    fn content_end(&mut self) {
        self.line = 0;
    }

    fn between(&mut self, bytes: &[u8]) {
        self.between_high |= !bytes.is_ascii();
        self.line = if bytes.ends_with(b"\n") { 0 } else { self.line + bytes.len() };
        self.between_long |= self.line > LONGEST_LINE || bytes.len() > LONGEST_LINE + 2;
    }

    fn delimiter(&mut self, _line: &[u8]) {
        self.line = 0;
    }
}
