//! Mail that has come round: it was delivered to a mailbox of this machine before, and something sends it to the same address
//! again (a forward, an alias and fetchmail, a mailing list). Pure: a header and an address in, an answer out.
//!
//! The mark is the `Delivered-To` field that each delivery here adds, with the exact final address. One that a provider adds
//! has the provider's address and never matches, so that fetched mail is delivered.

use crate::mail::address::Address;
use crate::mail::header::Header;

/// Adds the mark to a delivery.
pub const MARK: &str = "Delivered-To";

/// The addresses to which a message was delivered, as its fields say. Those below a `Resent-` field do not count: somebody has
/// sent the message anew since (RFC 5322 section 3.6.6), as mutt's `bounce` does.
#[must_use]
pub fn delivered_to(header: &Header) -> Vec<String> {
    let is_resent = |name: &str| name.get(..7).is_some_and(|begin| begin.eq_ignore_ascii_case("Resent-"));
    let since = header.fields.iter().take_while(|field| !is_resent(field.name()));
    let marks = since.filter(|field| field.is(MARK));
    marks.map(|field| bare(field.value())).collect()
}

/// Whether one of these is the address. What handles mail on its way may write it in capitals.
#[must_use]
pub fn has_come_round(delivered_to: &[String], address: &Address) -> bool {
    let address = address.to_string();
    delivered_to.iter().any(|mark| mark.eq_ignore_ascii_case(&address))
}

fn bare(value: &[u8]) -> String {
    let value = value.trim_ascii();
    let bare = value.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(value);
    String::from_utf8_lossy(bare).into_owned()
}

#[cfg(test)]
mod tests;
