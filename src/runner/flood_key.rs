//! Which mail of a flood is similar, so that it may leave together. When it does is decided by `rules::flood`.

use crate::mail::header::Header;
use crate::rules::flood;
use crate::spool::{Envelope, Kind};

/// Larger messages leave by themselves, so that what leaves together stays smaller than what servers accept.
const LARGEST: u64 = 256 << 10;

/// What mail must have in common to leave together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FloodKey {
    /// Who submitted it, as text.
    pub submitter: String,
    /// The envelope sender.
    pub sender: String,
    /// The only recipient.
    pub recipient: String,
    /// The account.
    pub account: String,
}

/// The key of a message, if it may leave together with others: it is a user's plain mail to one recipient, without wishes for
/// reports, without a signature that would no longer be seen first, and not urgent.
#[must_use]
pub fn flood_key(envelope: &Envelope, header: &Header, account: &str) -> Option<FloodKey> {
    let [recipient] = envelope.recipients.as_slice() else { return None };
    let has_wishes = recipient.notify.is_some() || recipient.orcpt.is_some();
    let is_plain = envelope.kind == Kind::Mail
        && envelope.reports.is_empty()
        && envelope.size <= LARGEST
        && envelope.envid.is_none()
        && envelope.ret.is_none()
        && recipient.refused.is_none()
        && !has_wishes;
    if !is_plain || !flood::may_wait(header) {
        return None;
    }
    Some(FloodKey {
        submitter: envelope.submitter.to_string(),
        sender: envelope.sender.to_string(),
        recipient: recipient.address.to_string(),
        account: account.to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
