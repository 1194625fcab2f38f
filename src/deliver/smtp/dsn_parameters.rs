//! What the submitter wants to be told of (RFC 3461), as parameters of MAIL and RCPT.
//! They go out where the server offers DSN; else reports are ours to write.

use std::fmt::Write as _;

use crate::mail::address::Address;
use crate::spool::Envelope;

/// Of one recipient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecipientWish<'a> {
    /// NOTIFY, as given.
    pub notify: Option<&'a str>,
    /// ORCPT, as given; else the recipient before aliases and maps, so that a report names whom its reader knows.
    pub orcpt: Option<&'a str>,
}

/// Of a message, with those of its recipients in the transaction's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DsnRequest<'a> {
    /// RET, as given.
    pub ret: Option<&'a str>,
    /// ENVID, as given, not encoded.
    pub envid: Option<&'a str>,
    /// One for each recipient; missing ones wish nothing.
    pub recipients: Vec<RecipientWish<'a>>,
}

impl<'a> DsnRequest<'a> {
    /// Those of the envelope, for the recipients with these indices.
    #[must_use]
    pub fn of(envelope: &'a Envelope, indices: impl Iterator<Item = usize>) -> Self {
        let wish = |index: usize| {
            envelope.recipients.get(index).map_or_else(RecipientWish::default, |recipient| RecipientWish {
                notify: recipient.notify.as_deref(),
                orcpt: recipient.orcpt.as_deref().or_else(|| original(&recipient.given)),
            })
        };
        Self { ret: envelope.ret.as_deref(), envid: envelope.envid.as_deref(), recipients: indices.map(wish).collect() }
    }

    /// What stands behind MAIL FROM, each parameter with a blank before it.
    #[must_use]
    pub fn mail(&self) -> String {
        let mut text = String::new();
        if let Some(ret @ ("FULL" | "HDRS")) = self.ret.map(str::to_ascii_uppercase).as_deref() {
            // A String takes everything.
            let _ = write!(text, " RET={ret}");
        }
        if let Some(envid) = self.envid.filter(|envid| !envid.is_empty()) {
            let _ = write!(text, " ENVID={}", xtext(envid));
        }
        text
    }

    /// What stands behind RCPT TO of the recipient at that place.
    #[must_use]
    pub fn rcpt(&self, at: usize) -> String {
        let wish = self.recipients.get(at).copied().unwrap_or_default();
        let mut text = String::new();
        if let Some(notify) = wish.notify.and_then(notify) {
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

/// As Postfix does without being asked: complete addresses only, and those of ASCII (others want RFC 6533's form).
fn original(given: &str) -> Option<&str> {
    (given.is_ascii() && Address::parse(given).is_ok()).then_some(given)
}

/// `NEVER`, or one to three of the others; anything else is not sent.
fn notify(text: &str) -> Option<String> {
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_ascii_uppercase()).collect();
    if words == ["NEVER"] {
        return Some("NEVER".to_owned());
    }
    let known = |word: &String| matches!(word.as_str(), "SUCCESS" | "FAILURE" | "DELAY");
    (words.len() <= 3 && words.iter().all(known)).then(|| words.join(","))
}

/// RFC 3461 section 4: what is no printable ASCII, and `+` and `=`, become `+XX`.
fn xtext(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'+' | b'=') => encoded.push(char::from(byte)),
            // A String takes everything.
            other => drop(write!(encoded, "+{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
