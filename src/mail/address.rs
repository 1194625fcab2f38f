//! A mailbox address (RFC 5321 section 4.1.2, RFC 6531) as a value that is
//! always fit for the wire. Lists of addresses, as header fields and argument
//! lists have them, are parsed in `list`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fold_case::small_letters;
use super::printable::misleads;

/// Why a text is not an address; the caller knows the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No local part before the `@`.
    #[error("there is nothing before the @")]
    NoLocalPart,
    /// No domain, or an empty one.
    #[error("it needs a domain, such as me@isp.example")]
    NoDomain,
    /// A byte that no address may hold (CR, LF, NUL, other controls, or bytes that are not UTF-8).
    #[error("it contains a character that addresses cannot have")]
    ForbiddenCharacter,
    /// The domain is no domain name and no `[address literal]`.
    #[error("the part after the @ is not a domain")]
    BadDomain,
    /// Unbalanced quotes or brackets, or a leading dash.
    #[error("its quotes, brackets or first character are not valid in an address")]
    BadSyntax,
    /// A blank or an angle bracket in its quotes: servers disagree where such an address ends.
    #[error("it contains a blank or an angle bracket, which cannot be sent safely")]
    Unsafe,
    /// Longer than 64 octets of local part times four, 255 octets of domain, or 63 of one of its labels.
    #[error("it is too long")]
    TooLong,
}

/// A complete mailbox address: local part (kept without quotes) and domain.
///
/// Compared byte by byte; [`Address::same_mailbox`] ignores case as Postfix does.
/// Displayed with the quotes that the local part needs, without angle brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    local: String,
    domain: String,
}

impl Address {
    /// From an unquoted local part and a domain.
    pub fn new(local: &str, domain: &str) -> Result<Self, AddressError> {
        if local.is_empty() {
            return Err(AddressError::NoLocalPart);
        }
        if domain.is_empty() {
            return Err(AddressError::NoDomain);
        }
        if local.len() > 256 || domain.len() > 255 {
            return Err(AddressError::TooLong);
        }
        if local.chars().any(char::is_control) {
            return Err(AddressError::ForbiddenCharacter);
        }
        // IDNA takes these for dots (RFC 3490 section 3.1), and keyboards of some languages have no other.
        let domain = domain.replace(['\u{3002}', '\u{ff0e}', '\u{ff61}'], ".");
        if domain.split('.').any(|label| label.len() > 63) && !domain.starts_with('[') {
            return Err(AddressError::TooLong);
        }
        if !is_domain(&domain) {
            return Err(AddressError::BadDomain);
        }
        Ok(Self { local: local.to_owned(), domain })
    }

    /// Reads `local@domain`, the local part quoted or not; nothing else around it.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if let Some(rest) = text.strip_prefix('"') {
            let (local, rest) = unquote(rest)?;
            let domain = rest.strip_prefix('@').ok_or(AddressError::NoDomain)?;
            return Self::new(&local, domain);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::NoDomain)?;
        if local.contains(['"', '<', '>', '\\', ' ']) || local.starts_with('-') {
            return Err(AddressError::BadSyntax);
        }
        Self::new(local, domain)
    }

    /// The local part, without quotes.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain as written, case kept.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The same address with another local part.
    pub fn with_local(&self, local: &str) -> Result<Self, AddressError> {
        Self::new(local, &self.domain)
    }

    /// Whether both name the same mailbox when case is ignored.
    #[must_use]
    pub fn same_mailbox(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }

    /// Whether a command can name it so that every server finds its end.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        !self.to_string().contains(|c: char| c.is_control() || matches!(c, ' ' | '<' | '>'))
    }

    /// `local@domain` in small letters, without quotes and with the domain in A-labels: equal where both are one mailbox.
    #[must_use]
    pub fn folded(&self) -> String {
        let domain = idna::domain_to_ascii(&self.domain).unwrap_or_else(|_| small_letters(&self.domain));
        format!("{}@{domain}", small_letters(&self.local))
    }

    /// Whether SMTPUTF8 would be needed for the local part (RFC 6531).
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.domain.is_ascii()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.local) {
            write!(f, "{}@{}", self.local, self.domain)
        } else {
            f.write_str("\"")?;
            for c in self.local.chars() {
                if c == '"' || c == '\\' {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
            write!(f, "\"@{}", self.domain)
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The envelope sender as RFC 5321 calls it: a mailbox, or null for reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: nobody wants a report on this message.
    Null,
    /// The mailbox that reports go to.
    Mailbox(Address),
}

/// The local part that stands for the null sender where a field or a list must name one.
pub const NOBODY: &str = "MAILER-DAEMON";

impl ReversePath {
    /// The mailbox, unless null.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Address> {
        match self {
            Self::Null => None,
            Self::Mailbox(address) => Some(address),
        }
    }
}

impl fmt::Display for ReversePath {
    /// Without angle brackets; the null path is the empty text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Mailbox(address) => address.fmt(f),
        }
    }
}

impl Serialize for ReversePath {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReversePath {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text.is_empty() {
            return Ok(Self::Null);
        }
        Address::parse(&text).map(Self::Mailbox).map_err(serde::de::Error::custom)
    }
}

/// An envelope recipient: an address, or a text that is none and bounces for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mailbox {
    /// Fit to be sent to.
    Valid(Address),
    /// As the caller gave it; "bad address syntax" (5.1.3) is its outcome.
    Invalid(String),
}

impl Mailbox {
    /// Reads an address; what is none is kept as it stands.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Address::parse(text).map_or_else(|_| Self::Invalid(text.to_owned()), Self::Valid)
    }

    /// Why it is no address; `None` if it is one.
    #[must_use]
    pub fn problem(&self) -> Option<AddressError> {
        match self {
            Self::Valid(_) => None,
            Self::Invalid(text) => Some(Address::parse(text).err().unwrap_or(AddressError::BadSyntax)),
        }
    }

    /// Equal where both are one recipient.
    #[must_use]
    pub fn folded(&self) -> String {
        match self {
            Self::Valid(address) => address.folded(),
            Self::Invalid(text) => small_letters(text),
        }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid(address) => address.fmt(f),
            Self::Invalid(text) => f.write_str(text),
        }
    }
}

impl Serialize for Mailbox {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mailbox {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(|text| Self::read(&text))
    }
}

/// The local part before its extension, where it has one: the first of the delimiter characters
/// divides, but not as the local part's first character.
#[must_use]
pub fn without_extension<'a>(local: &'a str, delimiters: &str) -> Option<&'a str> {
    let at = local.find(|c| delimiters.contains(c)).filter(|at| *at > 0)?;
    if delimiters.contains('-') && is_never_divided(local) {
        return None;
    }
    Some(&local[..at])
}

/// Names with a dash of their own (Postfix's `split_addr`).
fn is_never_divided(local: &str) -> bool {
    let local = local.to_ascii_lowercase();
    ["mailer-daemon", "double-bounce"].contains(&local.as_str())
        || local.starts_with("owner-")
        || local.ends_with("-request")
}

/// Takes the rest of a quoted string (after its opening quote) apart: content, rest.
fn unquote(rest: &str) -> Result<(String, &str), AddressError> {
    let mut local = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((local, &rest[at + 1..])),
            '\\' => match chars.next() {
                Some((_, escaped)) => local.push(escaped),
                None => return Err(AddressError::BadSyntax),
            },
            other => local.push(other),
        }
    }
    Err(AddressError::BadSyntax)
}

/// RFC 5321 Dot-string, with RFC 6531's non-ASCII letters.
fn is_dot_string(local: &str) -> bool {
    !local.starts_with('-') && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
}

/// A domain name as people write it, or an `[address literal]`; not a bare IPv4 address.
fn is_domain(domain: &str) -> bool {
    if let Some(literal) = domain.strip_prefix('[') {
        let Some(literal) = literal.strip_suffix(']') else { return false };
        return is_literal(literal);
    }
    // Digits and dots alone are a number that somebody forgot the brackets of (Postfix's valid_hostname).
    !domain.chars().all(|c| c.is_ascii_digit() || c == '.') && domain.split('.').all(is_label)
}

/// RFC 5321 section 4.1.3.
fn is_literal(inner: &str) -> bool {
    match inner.split_at_checked("IPv6:".len()) {
        Some((tag, ip)) if tag.eq_ignore_ascii_case("IPv6:") => ip.parse::<Ipv6Addr>().is_ok(),
        Some(_) | None => inner.parse::<Ipv4Addr>().is_ok(),
    }
}

/// RFC 1035 section 2.3.1, with underscores, and letters beyond ASCII before they become A-labels; none of those that
/// leave nothing there.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| {
            c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && c.is_alphanumeric() && !misleads(c))
        })
}

#[cfg(test)]
mod tests;
