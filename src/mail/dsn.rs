//! What a submission asks for in delivery status notifications (RFC 3461): NOTIFY, RET,
//! ENVID and ORCPT, from options or from SMTP parameters. Reports are made elsewhere.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The longest ENVID that is taken (RFC 3461 section 4.4).
const LONGEST_ENVID: usize = 100;

/// The longest ORCPT that is taken (RFC 3461 section 4.2).
const LONGEST_ORCPT: usize = 500;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dsn {
    /// NOTIFY for every recipient that has none of its own.
    pub notify: Option<String>,
    /// RET: `FULL` or `HDRS`.
    pub ret: Option<String>,
    /// ENVID, decoded.
    pub envid: Option<String>,
    /// By recipient as given, where the recipients differ.
    pub of: HashMap<String, Asked>,
}

/// What is asked for about one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// NOTIFY.
    pub notify: Option<String>,
    /// ORCPT, as on the wire: `type;xtext`.
    pub orcpt: Option<String>,
}

impl Dsn {
    /// What holds for this recipient.
    #[must_use]
    pub fn about(&self, given: &str) -> Asked {
        let own = self.of.get(given).cloned().unwrap_or_default();
        Asked { notify: own.notify.or_else(|| self.notify.clone()), orcpt: own.orcpt }
    }
}

/// Reads a NOTIFY list: `NEVER` alone, or some of the others; in the wire's spelling.
#[must_use]
pub fn notify(text: &[u8]) -> Option<String> {
    const WORDS: [&str; 3] = ["SUCCESS", "FAILURE", "DELAY"];
    let text = std::str::from_utf8(text).ok()?.to_ascii_uppercase();
    if text == "NEVER" {
        return Some(text);
    }
    let asked: Vec<&str> = text.split(',').collect();
    let known = asked.iter().all(|word| WORDS.contains(word));
    let words: Vec<&str> = WORDS.into_iter().filter(|word| asked.contains(word)).collect();
    known.then(|| words.join(","))
}

/// Reads RET.
#[must_use]
pub fn ret(text: &[u8]) -> Option<String> {
    ["FULL", "HDRS"].into_iter().find(|word| text.eq_ignore_ascii_case(word.as_bytes())).map(str::to_owned)
}

/// Reads an ENVID that is not encoded.
#[must_use]
pub fn envid(text: &[u8]) -> Option<String> {
    let fit = (1..=LONGEST_ENVID).contains(&text.len()) && text.iter().all(|byte| (b' '..=b'~').contains(byte));
    fit.then(|| String::from_utf8_lossy(text).into_owned())
}

/// Reads ORCPT: a type and xtext.
#[must_use]
pub fn orcpt(text: &str) -> Option<String> {
    let (kind, address) = text.split_once(';')?;
    let is_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_kind && text.len() <= LONGEST_ORCPT && !address.is_empty() && from_xtext(address).is_some())
        .then(|| text.to_owned())
}

/// Decodes xtext (RFC 3461 section 4); `None` where it is none, or where a control character hides in it.
#[must_use]
pub fn from_xtext(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => 16 * hex(rest.next()?)? + hex(rest.next()?)?,
            b'!'..=b'~' if byte != b'=' => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control))
}

/// Encodes as xtext.
#[must_use]
pub fn to_xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (b'!'..=b'~').contains(&byte) && byte != b'+' && byte != b'=' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "+{byte:02X}");
        }
    }
    out
}

/// RFC 3461 wants upper-case digits.
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
