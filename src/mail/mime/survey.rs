//! The first walk through a message: what each part holds, and what must become of it
//! for a server that takes less.

use super::part::{Encoding, Guard, Kind, Part};
use super::walk::Sink;
use super::{CannotConvert, LONGEST_LINE, Takes, Treatment, has_long_line, has_nul};

/// What some text holds.
#[derive(Debug, Clone, Copy, Default)]
struct Holds {
    /// Octets over 127.
    high: bool,
    /// A long line or a NUL, which no server need take.
    unfit: bool,
}

impl Holds {
    fn is_too_high(self, takes: Takes) -> bool {
        self.high && takes == Takes::SevenBit
    }

    fn is_fit(self, takes: Takes) -> bool {
        !self.unfit && !self.is_too_high(takes)
    }
}

/// What was seen of a part.
#[derive(Debug, Clone)]
struct Seen {
    part: Part,
    content: Holds,
    /// The message's own header is looked at elsewhere.
    header: Holds,
}

/// The first walk.
#[derive(Debug, Default)]
pub(super) struct Survey {
    parts: Vec<Seen>,
    line: usize,
    between: Holds,
    /// What forbids changing octets over 127 that stand between parts.
    between_guard: Option<Guard>,
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
        let in_parts = self.parts.iter().any(|seen| seen.content.high || seen.header.high);
        in_parts || self.between.high || self.between_guard.is_some()
    }

    /// Whether nothing changes under these treatments.
    pub(super) fn is_fit(&self, treatments: &[Treatment], takes: Takes) -> bool {
        self.between.is_fit(takes)
            && treatments.iter().all(|treatment| *treatment == Treatment::Keep)
            && self.parts.iter().all(|seen| seen.part.guard != Guard::None || seen.header.is_fit(takes))
    }

    /// What a text is in whose header does not say.
    pub(super) fn charset(&self) -> &'static str {
        self.text.charset()
    }

    /// What becomes of each part.
    pub(super) fn treatments(&self, takes: Takes) -> Result<Vec<Treatment>, CannotConvert> {
        if let Some(guard) = self.between_guard.filter(|_| takes == Takes::SevenBit) {
            return Err(forbidden(guard));
        }
        let mut treatments = self.parts.iter().map(|seen| seen.treatment(takes)).collect::<Result<Vec<_>, _>>()?;
        let changes = treatments.iter().any(|treatment| *treatment != Treatment::Keep);
        for (seen, treatment) in self.parts.iter().zip(&mut treatments) {
            let is_container = matches!(seen.part.kind, Kind::Multipart { .. });
            if is_container && changes && takes == Takes::SevenBit && seen.part.encoding == Encoding::Identity {
                *treatment = Treatment::Relabel;
            }
        }
        Ok(treatments)
    }
}

impl Seen {
    /// A long line or a NUL in a part that may not change goes out as it is: most servers accept both. Octets over 127
    /// must not go to a server that has not offered to take them.
    fn treatment(&self, takes: Takes) -> Result<Treatment, CannotConvert> {
        let may_change = self.part.guard == Guard::None && self.part.encoding != Encoding::Other;
        let is_container = matches!(self.part.kind, Kind::Multipart { .. });
        let header_must_change = self.part.guard != Guard::None && self.header.is_too_high(takes);
        if header_must_change || (self.content.is_too_high(takes) && !may_change && !is_container) {
            return Err(forbidden(self.part.guard));
        }
        if is_container || !may_change || self.content.is_fit(takes) {
            return Ok(Treatment::Keep);
        }
        Ok(match (self.part.encoding, &self.part.kind) {
            (Encoding::Quoted, _) => Treatment::MendQuoted,
            (Encoding::Base64, _) => Treatment::MendBase64,
            // Sendmail breaks the lines of text that it finds in base64.
            (Encoding::Identity | Encoding::Other, Kind::Text) => Treatment::Quoted,
            (Encoding::Identity | Encoding::Other, _) => Treatment::Base64,
        })
    }
}

fn forbidden(guard: Guard) -> CannotConvert {
    let inside = match guard {
        Guard::Signed => "a signed part, whose signature would break",
        Guard::Encrypted => "an encrypted part, which would break",
        Guard::Message => "an attached message, which must not be changed",
        Guard::None => "a part with an unknown encoding (Content-Transfer-Encoding)",
    };
    CannotConvert(format!(
        "the server accepts only ASCII (no 8BITMIME), and the message has 8-bit text in {inside}; postrider cannot \
         re-encode it: submit it encoded (quoted-printable or base64)"
    ))
}

impl Sink for Survey {
    fn header(&mut self, raw: &[u8], part: &Part, depth: usize) {
        self.line = 0;
        let header = match depth {
            0 => Holds::default(),
            _ => Holds { high: !raw.is_ascii(), unfit: has_long_line(raw) || has_nul(raw) },
        };
        self.parts.push(Seen { part: part.clone(), content: Holds::default(), header });
    }

    fn content(&mut self, bytes: &[u8]) {
        self.line += bytes.len();
        self.text.take(bytes);
        let Some(seen) = self.parts.last_mut() else { return };
        seen.content.high |= !bytes.is_ascii();
        seen.content.unfit |= self.line > LONGEST_LINE || has_nul(bytes);
    }

    fn line_end(&mut self) {
        self.line = 0;
    }

    fn content_end(&mut self) {
        self.line = 0;
    }

    fn between(&mut self, bytes: &[u8], guard: Guard) {
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        self.line += text.strip_suffix(b"\r").unwrap_or(text).len();
        if guard == Guard::None {
            self.between.high |= !bytes.is_ascii();
            self.between.unfit |= self.line > LONGEST_LINE || has_nul(bytes);
        } else if !bytes.is_ascii() {
            self.between_guard = Some(guard);
        }
        if bytes.ends_with(b"\n") {
            self.line = 0;
        }
    }

    fn delimiter(&mut self, _line: &[u8]) {
        self.line = 0;
    }
}
