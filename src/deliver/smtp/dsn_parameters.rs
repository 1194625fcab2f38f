//! The reports that the submitter requested (RFC 3461), as parameters of MAIL and RCPT. They are sent if the server
//! offers DSN; otherwise we write the reports.

use std::fmt::Write as _;

use crate::mail::address::Address;
use crate::spool::{Envelope, Recipient, is_expanded};

/// Whether a recipient came of an alias for several. The success of such an alias is its expansion, which we report; for what
/// becomes of its members, only failure and delay are asked for (RFC 3461 section 5.2.7.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expansion {
    /// It is what the caller wrote, or all that the alias stands for.
    #[default]
    None,
    /// It is one of several.
    Member,
}

/// The request for one recipient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecipientWish<'a> {
    /// NOTIFY, as given.
    pub notify: Option<&'a str>,
    /// Whether an alias stands for it and others.
    pub expansion: Expansion,
    /// ORCPT as given, or else the recipient before aliases and maps, so that a report shows an address that its
    /// reader knows.
    pub orcpt: Option<&'a str>,
}

/// The request for a message, with those for its recipients in the order of the transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DsnRequest<'a> {
    /// RET, as given.
    pub ret: Option<&'a str>,
    /// ENVID, as given, not encoded.
    pub envid: Option<&'a str>,
    /// One per recipient. A missing entry requests nothing.
    pub recipients: Vec<RecipientWish<'a>>,
}

impl<'a> DsnRequest<'a> {
    /// The request in the envelope, for the recipients with these indices.
    #[must_use]
    pub fn of(envelope: &'a Envelope, indices: impl Iterator<Item = usize>) -> Self {
        let wish = |index: usize| {
            envelope.recipients.get(index).map_or_else(RecipientWish::default, |recipient| RecipientWish {
                notify: recipient.notify.as_deref(),
                expansion: expansion(envelope, recipient, index),
                orcpt: recipient.orcpt.as_deref().or_else(|| original(&recipient.given)),
            })
        };
        Self { ret: envelope.ret.as_deref(), envid: envelope.envid.as_deref(), recipients: indices.map(wish).collect() }
    }

    /// The parameters of MAIL FROM, each after a blank.
    #[must_use]
    pub fn mail(&self) -> String {
        let mut text = String::new();
        if let Some(ret @ ("FULL" | "HDRS")) = self.ret.map(str::to_ascii_uppercase).as_deref() {
            // Writing to a String cannot fail.
            let _ = write!(text, " RET={ret}");
        }
        if let Some(envid) = self.envid.filter(|envid| !envid.is_empty()) {
            let _ = write!(text, " ENVID={}", xtext(envid));
        }
        text
    }

    /// The parameters of RCPT TO for the recipient at this position.
    #[must_use]
    pub fn rcpt(&self, at: usize) -> String {
        let wish = self.recipients.get(at).copied().unwrap_or_default();
        let mut text = String::new();
        if let Some(notify) = wish.notify.and_then(|asked| notify(asked, wish.expansion)) {
            let _ = write!(text, " NOTIFY={notify}");
        }
        if let Some(orcpt) = wish.orcpt.filter(|orcpt| !orcpt.is_empty()) {
            let plain = |kind: &str| kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            let typed = orcpt.split_once(';').filter(|(kind, _)| plain(kind));
            let (kind, address) = typed.unwrap_or(("rfc822", orcpt));
            let _ = write!(text, " ORCPT={kind};{}", xtext(address));
        }
        text
    }
}

fn expansion(envelope: &Envelope, recipient: &Recipient, index: usize) -> Expansion {
    let is_member = recipient.notify.is_some() && is_expanded(&envelope.recipients, index);
    if is_member { Expansion::Member } else { Expansion::None }
}

/// The original address, if it is complete and ASCII, as Postfix sends it without being asked. Other addresses would
/// need the form of RFC 6533.
fn original(given: &str) -> Option<&str> {
    (given.is_ascii() && Address::parse(given).is_ok()).then_some(given)
}

/// `NEVER`, or one to three of the other values. Anything else is not sent.
///
/// RFC 3461 section 4.1. A value that the server rejects would cost the recipient its delivery, so only valid ones go
/// out.
fn notify(text: &str, expansion: Expansion) -> Option<String> {
    let mut words: Vec<String> = text.split(',').map(|word| word.trim().to_ascii_uppercase()).collect();
    if words == ["NEVER"] {
        return Some("NEVER".to_owned());
    }
    let known = |word: &String| matches!(word.as_str(), "SUCCESS" | "FAILURE" | "DELAY");
    if words.len() > 3 || !words.iter().all(known) {
        return None;
    }
    if expansion == Expansion::Member {
        words.retain(|word| word != "SUCCESS");
    }
    Some(if words.is_empty() { "NEVER".to_owned() } else { words.join(",") })
}

/// Encodes as xtext (RFC 3461 section 4): `+`, `=` and anything but printable ASCII become `+XX`.
fn xtext(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'+' | b'=') => encoded.push(char::from(byte)),
            // Writing to a String cannot fail.
            other => drop(write!(encoded, "+{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
