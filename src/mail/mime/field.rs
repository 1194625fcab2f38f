//! One header field made fit: its 8-bit text as encoded words (RFC 2047) or extended
//! parameters (RFC 2231) for servers that take ASCII only, over-long lines folded. A
//! field that needs neither keeps every byte, and an address never becomes another one.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Takes;
use crate::mail::header::Field;

/// Octets of text in one encoded word: 75 in all, with the longest charset's name.
const WORD: usize = 36;
/// Longest line with an encoded word in it (RFC 2047 section 2).
const ENCODED_LINE: usize = 76;

/// How a field's value is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Text in which anything may be an encoded word.
    Unstructured,
    /// Mailboxes with phrases and comments.
    Addresses,
    /// A value with parameters.
    Parameters,
    /// Nothing in it can be encoded.
    Rigid,
}

fn shape(field: &Field) -> Shape {
    const ADDRESSES: [&str; 16] = [
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Bcc",
        "Resent-From",
        "Resent-Sender",
        "Resent-Reply-To",
        "Resent-To",
        "Resent-Cc",
        "Resent-Bcc",
        "Errors-To",
        "Return-Path",
        "Disposition-Notification-To",
        "Mail-Followup-To",
    ];
    const RIGID: [&str; 8] = [
        "Received",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Date",
        "MIME-Version",
        "Content-Transfer-Encoding",
        "DKIM-Signature",
    ];
    let is_one_of = |names: &[&str]| names.iter().any(|name| field.is(name));
    if is_one_of(&ADDRESSES) {
        Shape::Addresses
    } else if is_one_of(&["Content-Type", "Content-Disposition"]) {
        Shape::Parameters
    } else if is_one_of(&RIGID) || field.name().is_empty() {
        Shape::Rigid
    } else {
        Shape::Unstructured
    }
}

/// The field's lines as they go out.
pub(super) fn fit(field: &Field, takes: Takes, longest: usize) -> Vec<u8> {
    let mut raw = field.raw().to_vec();
    if takes == Takes::SevenBit && !raw.is_ascii() {
        let column = if field.name().is_empty() { 0 } else { field.value_column() };
        let (name, value) = raw.split_at(column);
        let value = match shape(field) {
            Shape::Unstructured => unstructured(value),
            Shape::Addresses => addresses(value),
            Shape::Parameters => parameters(value),
            Shape::Rigid => rigid(value),
        };
        raw = with_short_lines(&[name, &value].concat());
    }
    raw.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'?');
    if raw.split(|&byte| byte == b'\n').any(|line| line.len() > longest + 1) { folded(&raw, longest) } else { raw }
}

/// What cannot be said in ASCII there becomes a question mark, except in an address.
fn rigid(value: &[u8]) -> Vec<u8> {
    let words = value.split_inclusive(|&byte| is_blank(byte));
    let fit = |word: &[u8]| -> Vec<u8> {
        let is_address = word.contains(&b'@');
        word.iter().map(|&byte| if is_address || byte.is_ascii() { byte } else { b'?' }).collect()
    };
    words.flat_map(fit).collect()
}

/// Lines with encoded words in them, folded at blanks.
fn with_short_lines(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 16);
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        if line.len() <= ENCODED_LINE + 2 || memchr::memmem::find(line, b"=?").is_none() {
            out.extend_from_slice(line);
            continue;
        }
        let mut column = 0;
        let mut rest = line;
        while !rest.is_empty() {
            let blanks = rest.iter().take_while(|&&byte| is_blank(byte)).count();
            let end = word_end(rest, blanks);
            // A line of nothing but blanks is none (RFC 5322 section 4.2).
            if column > 0 && blanks > 0 && end > blanks && column + end > ENCODED_LINE {
                out.extend_from_slice(b"\r\n");
                column = 0;
            }
            out.extend_from_slice(&rest[..end]);
            column += end;
            rest = &rest[end..];
        }
    }
    out
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Every run of words with 8-bit text, with the blanks between them, in encoded words.
fn unstructured(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() * 2);
    let mut rest = value;
    while let Some(high) = rest.iter().position(|byte| !byte.is_ascii()) {
        let start = rest[..high].iter().rposition(|&byte| is_blank(byte)).map_or(0, |at| at + 1);
        let mut end = word_end(rest, high);
        // The next word too, if it needs it: blanks between encoded words are not shown.
        loop {
            let next = end + rest[end..].iter().take_while(|&&byte| is_blank(byte)).count();
            let next_end = word_end(rest, next);
            if next == next_end || rest[next..next_end].is_ascii() {
                break;
            }
            end = next_end;
        }
        out.extend_from_slice(&rest[..start]);
        out.extend_from_slice(&encoded_words(&rest[start..end]));
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
    out
}

fn word_end(text: &[u8], from: usize) -> usize {
    from + text[from..].iter().take_while(|&&byte| !is_blank(byte)).count()
}

/// Some text in as many encoded words as it takes, one to a line.
fn encoded_words(text: &[u8]) -> Vec<u8> {
    let unfolded: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let words: Vec<String> = match std::str::from_utf8(&unfolded) {
        Ok(text) => pieces(text).iter().map(|piece| format!("=?utf-8?B?{}?=", STANDARD.encode(piece))).collect(),
        Err(_) => unfolded.chunks(WORD).map(|piece| format!("=?unknown-8bit?B?{}?=", STANDARD.encode(piece))).collect(),
    };
    words.join("\r\n ").into_bytes()
}

/// No character is divided.
fn pieces(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(WORD));
        found.push(piece);
        rest = behind;
    }
    found
}

/// Phrases, quoted strings and comments are encoded; domains become A-labels.
fn addresses(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() * 2);
    let mut rest = value;
    while let Some(&first) = rest.first() {
        let end = match first {
            b'"' => quoted(rest),
            b'(' => comment(rest),
            b'<' => angle(rest),
            byte if is_blank(byte) || matches!(byte, b',' | b';' | b':') => 1,
            _ => rest
                .iter()
                .position(|&byte| is_blank(byte) || matches!(byte, b'"' | b'(' | b'<' | b',' | b';'))
                .unwrap_or(rest.len()),
        };
        let (token, behind) = rest.split_at(end.max(1));
        rest = behind;
        match first {
            _ if token.is_ascii() => out.extend_from_slice(token),
            b'"' if token.ends_with(b"\"") => out.extend_from_slice(&encoded_words(&unquoted(token))),
            b'(' => {
                let inner = token.strip_prefix(b"(").unwrap_or(token);
                out.push(b'(');
                out.extend_from_slice(&unstructured(inner.strip_suffix(b")").unwrap_or(inner)));
                out.push(b')');
            }
            b'<' => out.extend_from_slice(&address(token)),
            _ if token.contains(&b'@') => out.extend_from_slice(&address(token)),
            _ => {
                // Words that follow each other are one text: the blank between them would be lost.
                let more = phrase(rest);
                out.extend_from_slice(&encoded_words(&value_between(token, &rest[..more])));
                rest = &rest[more..];
            }
        }
    }
    out
}

fn value_between(token: &[u8], more: &[u8]) -> Vec<u8> {
    [token, more].concat()
}

/// Octets of the 8-bit words that follow at once.
fn phrase(rest: &[u8]) -> usize {
    let mut end = 0;
    loop {
        let start = end + rest[end..].iter().take_while(|&&byte| is_blank(byte)).count();
        let length = rest[start..]
            .iter()
            .take_while(|&&byte| !is_blank(byte) && !matches!(byte, b'"' | b'(' | b'<' | b',' | b';' | b'@'))
            .count();
        if length == 0
            || start == end
            || rest[start..start + length].is_ascii()
            || rest.get(start + length) == Some(&b'@')
        {
            return end;
        }
        end = start + length;
    }
}

/// Up to the closing mark, backslashes heeded.
fn delimited(text: &[u8], mark: u8) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            byte if byte == mark => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// A quoted string, or the whole address that begins with one.
fn quoted(text: &[u8]) -> usize {
    let end = delimited(text, b'"');
    if text.get(end) != Some(&b'@') {
        return end;
    }
    let domain = text[end..].iter().take_while(|&&byte| !is_blank(byte) && !b"(<>,;".contains(&byte));
    end + domain.count()
}

/// Up to the bracket that closes, quoted strings heeded.
fn angle(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'>' => return at + 1,
            b'"' => at += delimited(&text[at..], b'"'),
            _ => at += 1,
        }
    }
    text.len()
}

fn comment(text: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' if depth == 1 => return at + 1,
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

fn unquoted(token: &[u8]) -> Vec<u8> {
    let inner = token.strip_prefix(b"\"").unwrap_or(token);
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut bytes = inner.iter();
    let mut out = Vec::with_capacity(inner.len());
    while let Some(&byte) = bytes.next() {
        out.extend(if byte == b'\\' { bytes.next().copied() } else { Some(byte) });
    }
    out
}

/// An address: its domain in ASCII. No encoding of a local part beyond ASCII means the same address, so it stays, as
/// Postfix leaves it, and the server decides.
fn address(token: &[u8]) -> Vec<u8> {
    let converted = std::str::from_utf8(token).ok().and_then(|text| {
        let (local, rest) = text.rsplit_once('@')?;
        let (domain, end) = rest.strip_suffix('>').map_or((rest, ""), |domain| (domain, ">"));
        let domain = idna::domain_to_ascii(domain).ok()?;
        Some(format!("{local}@{domain}{end}").into_bytes())
    });
    converted.unwrap_or_else(|| token.to_vec())
}

/// `name="value"` with 8-bit text becomes `name*=utf-8''...`.
fn parameters(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() * 2);
    let mut rest = value;
    while !rest.is_empty() {
        let mut end = 0;
        while end < rest.len() && rest[end] != b';' {
            end += if rest[end] == b'"' { delimited(&rest[end..], b'"') } else { 1 };
        }
        let end = end.min(rest.len());
        let (parameter, behind) = rest.split_at(end);
        let (mark, behind) = behind.split_at(behind.len().min(1));
        rest = behind;
        match parameter.iter().position(|&byte| byte == b'=') {
            Some(at) if !parameter.is_ascii() && parameter[..at].is_ascii() => {
                let (name, text) = parameter.split_at(at);
                let tail: Vec<u8> = if rest.is_empty() && mark.is_empty() { b"\r\n".to_vec() } else { Vec::new() };
                let text = text[1..].trim_ascii();
                let text = if text.starts_with(b"\"") { unquoted(text) } else { text.to_vec() };
                out.extend_from_slice(name.trim_ascii_end());
                out.extend_from_slice(&extended(&text));
                out.extend_from_slice(&tail);
            }
            _ => out.extend_from_slice(&rigid(parameter)),
        }
        out.extend_from_slice(mark);
    }
    out
}

fn extended(text: &[u8]) -> Vec<u8> {
    let charset = if std::str::from_utf8(text).is_ok() { "utf-8" } else { "unknown-8bit" };
    let mut out = format!("*={charset}''");
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // A String takes everything.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out.into_bytes()
}

/// Lines beyond the limit are folded at a blank, else behind a comma, else where they must.
fn folded(raw: &[u8], longest: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / longest * 3);
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        let mut rest = line;
        // The line end does not count.
        while rest.len() > longest + 2 {
            let room = &rest[..longest];
            let first_text = room.iter().position(|&byte| !is_blank(byte)).unwrap_or(0);
            let blank = room.iter().rposition(|&byte| is_blank(byte)).filter(|&at| at > first_text);
            let comma = room.iter().rposition(|&byte| byte == b',').map(|at| at + 1);
            let at = blank.or(comma).filter(|&at| at > 0 && at < longest).unwrap_or(longest - 1);
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(b"\r\n");
            if !is_blank(rest[at]) {
                out.push(b' ');
            }
            rest = &rest[at..];
        }
        out.extend_from_slice(rest);
    }
    out
}
