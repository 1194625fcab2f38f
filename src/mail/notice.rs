//! How mail of our own is written: bounces, delay notices, digests and alerts share one
//! header and one way to encode a part. Pure; what a notice says, and to whom, is decided
//! where it is sent.

use jiff::Zoned;

use super::address::Address;
use super::{mime, stamp};

/// A line may have 998 octets (RFC 5322 section 2.1.1).
const LONGEST_LINE: usize = 998;

/// Why the mail is sent, for Auto-Submitted (RFC 3834 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It answers a message.
    Message,
    /// Something happened that no message asked for.
    Event,
}

/// What the parts of a notice are to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A delivery status notification (RFC 6522, RFC 3464).
    DeliveryStatus,
    /// Text and what it is about.
    Mixed,
}

/// The type of a part besides the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartType {
    /// RFC 3464 section 2.
    DeliveryStatus,
    /// A header alone (RFC 6522 section 4).
    Header,
    /// A whole message, which no encoding may hide (RFC 2046 section 5.2.1).
    Message,
    /// A whole message that no relay takes without an encoding, as a file.
    File,
}

/// The header of a mail of our own.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// Whose mail system speaks.
    pub hostname: &'a str,
    /// Who gets it.
    pub to: &'a Address,
    /// ASCII, no control characters.
    pub subject: &'a str,
    /// Its Message-ID, with the brackets.
    pub message_id: &'a str,
    /// When it is written.
    pub at: &'a Zoned,
    /// Why.
    pub cause: Cause,
}

impl PartType {
    fn content_type(self) -> &'static str {
        match self {
            Self::DeliveryStatus => "message/delivery-status",
            Self::Header => "text/rfc822-headers",
            Self::Message => "message/rfc822",
            Self::File => {
                "application/octet-stream; name=\"message.eml\"\r\nContent-Disposition: attachment; filename=\"message.eml\""
            }
        }
    }
}

impl Notice<'_> {
    /// A notice that is text alone. Lines of `text` end in LF or CRLF, here and below; what is made of them in CRLF.
    #[must_use]
    pub fn text(&self, text: &str) -> Vec<u8> {
        let mut content = self.header().into_bytes();
        content.extend(text_part(text));
        content
    }

    /// The beginning of a notice with parts: its header and the text. [`part`] and [`end`] follow.
    #[must_use]
    pub fn with_parts(&self, kind: Kind, boundary: &str, text: &str) -> Vec<u8> {
        let kind = match kind {
            Kind::DeliveryStatus => "report; report-type=delivery-status",
            Kind::Mixed => "mixed",
        };
        let mut content = self.header().into_bytes();
        content.extend(format!("Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n").into_bytes());
        content.extend(format!("\r\n--{boundary}\r\n").into_bytes());
        content.extend(text_part(text));
        content
    }

    fn header(&self) -> String {
        let submitted = match self.cause {
            Cause::Message => "auto-replied",
            Cause::Event => "auto-generated",
        };
        format!(
            "From: Mail Delivery System <MAILER-DAEMON@{}>\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: {}\r\n\
             Auto-Submitted: {submitted}\r\nMIME-Version: 1.0\r\n",
            self.hostname,
            self.to,
            self.subject,
            stamp::date(self.at),
            self.message_id,
        )
    }
}

/// A part, whole. A message stays as it is, a file is base64; the rest is encoded where a relay could not take it.
#[must_use]
pub fn part(boundary: &str, part_type: PartType, content: &[u8]) -> Vec<u8> {
    let mut bytes = part_begin(boundary, part_type).into_bytes();
    match part_type {
        PartType::Message if content.is_ascii() => bytes.extend(encoded("7bit", content.to_vec())),
        PartType::Message => bytes.extend(encoded("8bit", content.to_vec())),
        PartType::File => bytes.extend(encoded("base64", mime::base64(content))),
        PartType::DeliveryStatus | PartType::Header => bytes.extend(safe(content)),
    }
    bytes
}

/// The head of a part whose content follows in pieces, as 8-bit lines.
#[must_use]
pub fn part_head(boundary: &str, part_type: PartType) -> String {
    format!("{}Content-Transfer-Encoding: 8bit\r\n\r\n", part_begin(boundary, part_type))
}

/// What every part of this type begins with.
#[must_use]
pub fn part_begin(boundary: &str, part_type: PartType) -> String {
    format!("\r\n--{boundary}\r\nContent-Type: {}\r\n", part_type.content_type())
}

/// The boundary of a notice with parts, from the header that [`Notice::with_parts`] has written.
#[must_use]
pub fn boundary(notice: &[u8]) -> Option<&str> {
    let end = memchr::memmem::find(notice, b"\r\n\r\n")?;
    let header = str::from_utf8(&notice[..end]).ok()?;
    let kind = header.split("\r\n").find(|line| line.starts_with("Content-Type: multipart/"))?;
    kind.split_once("boundary=\"")?.1.strip_suffix('"')
}

/// What ends the last part.
#[must_use]
pub fn end(boundary: &str) -> String {
    format!("\r\n--{boundary}--\r\n")
}

fn text_part(text: &str) -> Vec<u8> {
    let mut bytes = b"Content-Type: text/plain; charset=utf-8\r\n".to_vec();
    bytes.extend(safe(text.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes()));
    bytes
}

/// Content that every relay takes: as it is where it is ASCII in short lines, since a delivery status must stay readable
/// (RFC 3464 section 2.1), else quoted-printable.
fn safe(content: &[u8]) -> Vec<u8> {
    let fits = content.is_ascii() && content.split(|byte| *byte == b'\n').all(|line| line.len() < LONGEST_LINE);
    if fits { encoded("7bit", content.to_vec()) } else { encoded("quoted-printable", mime::quoted_printable(content)) }
}

fn encoded(encoding: &str, content: Vec<u8>) -> Vec<u8> {
    let mut bytes = format!("Content-Transfer-Encoding: {encoding}\r\n\r\n").into_bytes();
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests;
