//! Mail without a sender (`MAIL FROM:<>`) where a provider refuses that: it is sent from the account's own address
//! instead, marked, so that it does not go round for ever. Nothing else rewrites the null sender (RFC 5321 section
//! 4.5.5).

use std::time::Duration;

use super::outbound::{first_from, force_from};
use crate::config::Account;
use crate::mail::address::{Address, NOBODY};
use crate::mail::header::Header;

/// For so long a server is not asked again whether it accepts the null sender.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);

/// Carries our mark.
const MARK: &str = "X-Loop";

/// Whether a refusal of that age still counts.
#[must_use]
pub fn is_remembered(age: Duration) -> bool {
    age < REMEMBERED
}

/// Why mail without a sender gets none from the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoOwnSender {
    /// The account's settings tell no address.
    NoAddress,
    /// The message was sent from it already, and has come back.
    CameBack,
}

/// The sender of mail without one through an account that refuses the null sender.
pub fn own_sender(account: &Account, header: &[u8], hostname: &str) -> Result<Address, NoOwnSender> {
    if is_marked(&Header::read(header), hostname) {
        return Err(NoOwnSender::CameBack);
    }
    account.own_address().ok_or(NoOwnSender::NoAddress)
}

/// Whether the From field, as admission stored it, names nobody: it is the `MAILER-DAEMON` of mail without a sender, whatever
/// `generic` makes of it.
#[must_use]
pub fn is_from_nobody(header: &Header) -> bool {
    first_from(header).is_some_and(|from| from.local().eq_ignore_ascii_case(NOBODY))
}

/// The header of mail that is sent from the account's own address. Nobody is to answer it automatically (RFC 3834). Where no
/// From names somebody (`from`), it is the own address as well: a provider that owns its senders looks there too.
#[must_use]
pub fn header_from_own_address(header: &[u8], from: Option<&Address>, hostname: &str, own: &Address) -> Vec<u8> {
    let mut marked = format!("{MARK}: {}\r\n", mark(hostname));
    let header = Header::read(header);
    if header.first("Auto-Submitted").is_none() {
        marked.push_str("Auto-Submitted: auto-generated\r\n");
    }
    let header = if from.is_none() { force_from(&header, own) } else { header };
    [marked.into_bytes(), header.to_bytes()].concat()
}

fn is_marked(header: &Header, hostname: &str) -> bool {
    let mark = mark(hostname);
    // What handles mail on its way may write a domain in capitals, or put an address in brackets.
    let is_mark = |value: &[u8]| {
        let value = value.trim_ascii();
        let bare = value.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(value);
        bare.eq_ignore_ascii_case(mark.as_bytes())
    };
    header.all(MARK).any(|field| is_mark(field.value()))
}

fn mark(hostname: &str) -> String {
    format!("postrider@{hostname}")
}

#[cfg(test)]
mod tests;
