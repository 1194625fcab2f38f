//! What a part's header says of its content, and that header rewritten for another
//! encoding. Only what a conversion needs to know is read (RFC 2045 sections 5 and 6).

use super::{LONGEST_LINE, Takes, Treatment, field};
use crate::mail::header::Header;

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// text/*, or nothing said.
    Text,
    /// message/*.
    Message,
    /// A container of parts.
    Multipart { boundary: Vec<u8>, guard: Guard, default: Box<Kind> },
    /// Anything else.
    Other,
}

/// What forbids changing a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    None,
    /// It stands in a multipart/signed.
    Signed,
    /// It stands in a multipart/encrypted.
    Encrypted,
    /// It is a message/*.
    Message,
}

/// How its content is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 7bit, 8bit, binary, or nothing said.
    Identity,
    Quoted,
    Base64,
    /// Not known here (x-uuencode): under any other label the content would mean something else.
    Other,
}

/// A part as its header has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub kind: Kind,
    pub encoding: Encoding,
    pub guard: Guard,
}

impl Part {
    /// From the header's lines; `default` is what it is if it does not say.
    pub(super) fn read(header: &[u8], default: Kind) -> Self {
        let header = Header::read(header);
        let kind = header.first("Content-Type").map_or(default, |field| kind(field.value()));
        let encoding = header.first("Content-Transfer-Encoding").map_or(Encoding::Identity, |field| {
            match token(field.value()).to_ascii_lowercase().as_slice() {
                b"quoted-printable" => Encoding::Quoted,
                b"base64" => Encoding::Base64,
                b"7bit" | b"8bit" | b"binary" | b"" => Encoding::Identity,
                _ => Encoding::Other,
            }
        });
        let guard = if kind == Kind::Message { Guard::Message } else { Guard::None };
        Self { kind, encoding, guard }
    }
}

/// The first word of a value: what a comment or a parameter says behind it does not count.
fn token(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii_start();
    let end = value.iter().position(|&byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b'('));
    &value[..end.unwrap_or(value.len())]
}

fn kind(value: &[u8]) -> Kind {
    let text = String::from_utf8_lossy(value).replace(['\r', '\n'], " ");
    let (name, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let name = name.trim().to_ascii_lowercase();
    match name.split_once('/') {
        Some(("message", _)) => Kind::Message,
        Some(("multipart", subtype)) => match parameter(parameters, "boundary") {
            Some(boundary) if !boundary.is_empty() => Kind::Multipart {
                boundary: boundary.into_bytes(),
                guard: match subtype {
                    "signed" => Guard::Signed,
                    "encrypted" => Guard::Encrypted,
                    _ => Guard::None,
                },
                default: Box::new(if subtype == "digest" { Kind::Message } else { Kind::Text }),
            },
            _ => Kind::Text,
        },
        Some((main, _)) if main != "text" => Kind::Other,
        Some(_) | None => Kind::Text,
    }
}

/// The value of a parameter, unquoted.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (name, behind) = rest.split_once('=')?;
        let name = name.trim().trim_start_matches(';').trim();
        let behind = behind.trim_start();
        let (value, after) = if let Some(quoted) = behind.strip_prefix('"') {
            unquote(quoted)
        } else {
            let end = behind.find([';', ' ', '\t']).unwrap_or(behind.len());
            (behind[..end].to_owned(), &behind[end..])
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

/// The header for a content that is treated so; a blank line at its end stays.
pub(super) fn rewritten(raw: &[u8], part: &Part, treatment: Treatment, takes: Takes, charset: &str) -> Vec<u8> {
    let (lines, blank) = match raw.strip_suffix(b"\r\n") {
        Some(lines) if lines.is_empty() || lines.ends_with(b"\n") => (lines, &b"\r\n"[..]),
        _ => (raw, &b""[..]),
    };
    let label = match treatment {
        Treatment::Keep | Treatment::MendBase64 | Treatment::MendQuoted => None,
        Treatment::Relabel => Some("7bit"),
        Treatment::Quoted => Some("quoted-printable"),
        Treatment::Base64 => Some("base64"),
    };
    let header = Header::read(lines);
    let mut out = Vec::with_capacity(raw.len() + 64);
    let mut is_labelled = false;
    for one in &header.fields {
        match label {
            Some(label) if one.is("Content-Transfer-Encoding") => {
                if !std::mem::replace(&mut is_labelled, true) {
                    out.extend_from_slice(format!("Content-Transfer-Encoding: {label}\r\n").as_bytes());
                }
            }
            _ => out.extend_from_slice(&field::fit(one, takes, LONGEST_LINE)),
        }
    }
    let is_new = matches!(treatment, Treatment::Quoted | Treatment::Base64);
    // 7bit is what a part without a label is.
    if let Some(label) = label.filter(|_| is_new && !is_labelled) {
        let is_message = blank.is_empty();
        if is_message && header.first("MIME-Version").is_none() {
            out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        if is_message && header.first("Content-Type").is_none() && part.kind == Kind::Text {
            // Nobody said what the text is in (RFC 1428).
            out.extend_from_slice(format!("Content-Type: text/plain; charset={charset}\r\n").as_bytes());
        }
        out.extend_from_slice(format!("Content-Transfer-Encoding: {label}\r\n").as_bytes());
    }
    out.extend_from_slice(blank);
    out
}
