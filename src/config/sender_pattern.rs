//! Patterns in `senders`: entries with `*`, which stands for any characters within the local part or within the domain. Such an
//! entry is not an address, and is never used where one is needed. In quotes, as in `"a*b"@home.lan`, a star is a character like
//! any other.

use crate::mail::address::{Address, AddressError};
use crate::mail::fold_case::fold_case;

/// Why an entry with `*` is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The rest of it is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// `@*.home.lan`.
    #[error("write \"*@*.home.lan\" for all users of domains that match")]
    NoLocalPart,
    /// `"a*"@*.home.lan`.
    #[error("a pattern has no quotes; in quotes, \"*\" is a character like any other")]
    Quoted,
    /// `*`.
    #[error(
        "\"*\" alone would match only the users of this machine: write \"*@DOMAIN\", or set `default_account` for all other \
         mail"
    )]
    NoDomain,
    /// `b\u{fc}*.example`: how its A-label begins depends on the letters that follow.
    #[error("a label of the domain with \"*\" must be ASCII")]
    Label,
}

/// Whether an entry is a pattern.
#[must_use]
pub fn is_pattern(entry: &str) -> bool {
    behind_quotes(entry).contains('*')
}

/// The entry for this address and no other.
#[must_use]
pub fn literal(address: &Address) -> String {
    let plain = address.to_string();
    if is_pattern(&plain) { format!("\"{}\"@{}", address.local(), address.domain()) } else { plain }
}

/// The same for a text that another program takes for an address, in which a star is a character like any other.
#[must_use]
pub fn exactly(text: &str) -> String {
    Address::parse(text).map_or_else(|_| text.to_owned(), |address| literal(&address))
}

/// What is not in the quotes of a local part.
fn behind_quotes(entry: &str) -> &str {
    let Some(inside) = entry.strip_prefix('"') else { return entry };
    let mut is_escaped = false;
    let end = inside.find(|c| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    });
    end.map_or(entry, |at| &inside[at + 1..])
}

/// What is wrong with a pattern.
pub fn check(entry: &str) -> Result<(), PatternError> {
    if entry.contains('"') {
        return Err(PatternError::Quoted);
    }
    let (local, domain) = entry.rsplit_once('@').unwrap_or((entry, "x"));
    if local.is_empty() {
        return Err(PatternError::NoLocalPart);
    }
    if local.contains('@') {
        return Err(AddressError::BadSyntax.into());
    }
    if !entry.contains('@') && local.chars().all(|c| c == '*') {
        return Err(PatternError::NoDomain);
    }
    if domain.split('.').any(|label| is_pattern(label) && !label.is_ascii()) {
        return Err(PatternError::Label);
    }
    Address::parse(&format!("{local}@{domain}").replace('*', "x"))?;
    Ok(())
}

/// As patterns are compared: case-folded, with the domain in A-labels; without a domain it gets the origin.
#[must_use]
pub fn folded(entry: &str, origin: &str) -> String {
    let (local, domain) = entry.rsplit_once('@').unwrap_or((entry, origin));
    let label = |label: &str| match label {
        label if is_pattern(label) => label.to_ascii_lowercase(),
        label => idna::domain_to_ascii(label).unwrap_or_else(|_| fold_case(label).into_owned()),
    };
    let domain = domain.split('.').map(label).collect::<Vec<_>>().join(".");
    format!("{}@{domain}", fold_case(local))
}

/// Whether an address fits, both folded.
#[must_use]
pub fn fits(pattern: &str, address: &str) -> bool {
    match (pattern.rsplit_once('@'), address.rsplit_once('@')) {
        (Some((local, domain)), Some((of_local, of_domain))) => part(local, of_local) && part(domain, of_domain),
        _ => false,
    }
}

/// Whether the pieces between the stars are in the text, in this order, the first at its start and the last at its end.
fn part(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let between = text.strip_prefix(first).and_then(|text| text.strip_suffix(last));
    let left = between.and_then(|between| {
        middle.split('*').try_fold(between, |text, piece| text.find(piece).map(|at| &text[at + piece.len()..]))
    });
    left.is_some()
}

#[cfg(test)]
mod tests;
