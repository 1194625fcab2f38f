//! Message ids: 16 upper-case hexadecimal digits. The first 13 are microseconds since the epoch, the other 3 are
//! random, so ids sort by time.
//!
//! An id is unique among the messages that exist at the same time, and not forever: the file name makes it so, since
//! linking fails if the name is taken. Code that compares an id from history or from a report with a file in queue/
//! must compare the token as well.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sys::random::chance;

/// What begins the hidden name of a message that is being stored, as `.new-ID`.
pub(super) const NEW: &str = ".new-";

/// A message's id, which is also its file name in queue/.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId([u8; 16]);

impl MessageId {
    /// From microseconds since the epoch and the low 12 bits of a random number.
    #[must_use]
    pub fn new(micros: u64, random: u16) -> Self {
        let number = (micros << 12) | u64::from(random & 0xFFF);
        let digit = |at: usize| b"0123456789ABCDEF"[usize::try_from(number >> (60 - 4 * at) & 0xF).unwrap_or_default()];
        Self(std::array::from_fn(digit))
    }

    /// An id for a message of our own that may be stored twice without harm, such as an alert. A report must not use
    /// this: after a crash it is stored again, and only the same id as before shows that it already exists.
    #[must_use]
    pub fn fresh(now: Timestamp) -> Self {
        let micros = u64::try_from(now.as_microsecond()).unwrap_or_default();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "twelve random bits are wanted")]
        Self::new(micros, (chance() * 4095.0) as u16)
    }

    /// Parses an id. Lower-case digits are not accepted.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
        text.as_bytes().try_into().ok().filter(|bytes: &[u8; 16]| bytes.iter().copied().all(hex)).map(Self)
    }

    /// The next id in order, for use if this one is taken.
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

    /// The time in the id, in microseconds since the epoch.
    #[must_use]
    pub fn micros(&self) -> u64 {
        self.as_str().get(..13).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
    }

    /// The 16 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The array contains ASCII digits only, by construction.
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

/// The first characters of an id, as people type them, in upper or lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdPrefix(String);

impl IdPrefix {
    /// The prefix of every id.
    #[must_use]
    pub fn empty() -> Self {
        Self(String::new())
    }

    /// Parses up to 16 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_beginning = text.len() <= 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_beginning.then(|| Self(text.to_ascii_uppercase()))
    }

    /// The id, if the prefix has all 16 digits.
    #[must_use]
    pub fn whole(&self) -> Option<MessageId> {
        MessageId::parse(&self.0)
    }

    /// Whether the id starts with this prefix.
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
