//! Names of queued messages: 16 upper-case hexadecimal digits, 13 of microseconds
//! since the epoch and 3 random, so that they sort by time.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sys::random::chance;

/// The name of a queued message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId([u8; 16]);

impl MessageId {
    /// From microseconds since the epoch and a random number (its low 12 bits).
    #[must_use]
    pub fn new(micros: u64, random: u16) -> Self {
        let number = (micros << 12) | u64::from(random & 0xFFF);
        let digit = |at: usize| b"0123456789ABCDEF"[usize::try_from(number >> (60 - 4 * at) & 0xF).unwrap_or_default()];
        Self(std::array::from_fn(digit))
    }

    /// For a message of our own that follows from no other: a report that is stored again after a crash needs the
    /// same id as before, an alarm does not.
    #[must_use]
    pub fn fresh(now: Timestamp) -> Self {
        let micros = u64::try_from(now.as_microsecond()).unwrap_or_default();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "twelve random bits are wanted")]
        Self::new(micros, (chance() * 4095.0) as u16)
    }

    /// Reads an id; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
        text.as_bytes().try_into().ok().filter(|bytes: &[u8; 16]| bytes.iter().copied().all(hex)).map(Self)
    }

    /// The next one, for where this one is taken.
    #[must_use]
    pub fn next(&self) -> Self {
        match self.parts() {
            (time, 0xFFF) => Self::new(time + 1, 0),
            (time, random) => Self::new(time, random + 1),
        }
    }

    /// Microseconds since the epoch, and the random number.
    #[must_use]
    pub fn parts(&self) -> (u64, u16) {
        let time = u64::from_str_radix(self.as_str().get(..13).unwrap_or_default(), 16).unwrap_or_default();
        let random = u16::from_str_radix(self.as_str().get(13..).unwrap_or_default(), 16).unwrap_or_default();
        (time, random)
    }

    /// When it was made, in microseconds since the epoch.
    #[must_use]
    pub fn micros(&self) -> u64 {
        self.as_str().get(..13).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
    }

    /// The 16 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Digits only, by construction.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.as_str().to_owned()
    }
}

impl TryFrom<String> for MessageId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an id has 16 characters, 0-9 and A-F")
    }
}

/// The beginning of an id as people type it, in any case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdPrefix(String);

impl IdPrefix {
    /// Every id begins so.
    #[must_use]
    pub fn empty() -> Self {
        Self(String::new())
    }

    /// Reads the first digits of an id; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_beginning = text.len() <= 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_beginning.then(|| Self(text.to_ascii_uppercase()))
    }

    /// The id, where all its digits are there.
    #[must_use]
    pub fn whole(&self) -> Option<MessageId> {
        MessageId::parse(&self.0)
    }

    /// Whether the id begins so.
    #[must_use]
    pub fn begins(&self, id: &MessageId) -> bool {
        id.as_str().starts_with(&self.0)
    }
}

impl From<IdPrefix> for String {
    fn from(prefix: IdPrefix) -> Self {
        prefix.0
    }
}

impl TryFrom<String> for IdPrefix {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an id begins with up to 16 characters, 0-9 and A-F")
    }
}

#[cfg(test)]
mod tests;
