//! Which mail of a flood leaves at once, and which waits to leave together: a job that fails each minute must not cost the account
//! its standing with the provider. Pure.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};

use crate::mail::header::Header;
use crate::mail::subject;

/// The span that the limit is for.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// So many subjects are remembered. A flood with a new subject each time is none that repeats itself.
const MOST_SUBJECTS: usize = 10_000;

/// Whether mail with this header may leave together with others: it has no signature that would no longer be seen first, and is not
/// urgent.
#[must_use]
pub fn may_wait(header: &Header) -> bool {
    !is_signed(header) && !is_urgent(header)
}

fn value(header: &Header, name: &str) -> String {
    let field = header.first(name);
    field.map(|field| String::from_utf8_lossy(field.value()).trim().to_ascii_lowercase()).unwrap_or_default()
}

fn is_signed(header: &Header) -> bool {
    let of_type = value(header, "Content-Type");
    let kinds =
        ["multipart/signed", "multipart/encrypted", "application/pkcs7", "application/x-pkcs7", "application/pgp"];
    kinds.iter().any(|kind| of_type.starts_with(kind)) || header.first("DKIM-Signature").is_some()
}

fn is_urgent(header: &Header) -> bool {
    value(header, "X-Priority").starts_with(['1', '2'])
        || value(header, "Importance") == "high"
        || value(header, "Priority") == "urgent"
        || value(header, "X-MSMail-Priority") == "high"
}

/// A hash of the subject as it is: a number in it may be what matters.
#[must_use]
pub fn subject_of(header: &Header) -> u64 {
    let subject = header.first("Subject").and_then(|field| subject::decoded(field.raw())).unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    subject.trim().hash(&mut hasher);
    hasher.finish()
}

/// What happens to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves at once.
    Pass,
    /// It leaves with similar mail at this time.
    Gather(Timestamp),
}

/// Similar mail in the hour that began with the first message.
#[derive(Debug)]
pub struct Hour {
    begun: Timestamp,
    passed: usize,
    subjects: HashSet<u64>,
}

impl Hour {
    /// An hour that begins now.
    #[must_use]
    pub fn begin(now: Timestamp) -> Self {
        Self { begun: now, passed: 0, subjects: HashSet::new() }
    }

    /// Whether nothing of it matters any more.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.begun) >= HOUR
    }

    /// Decides about the next message. The first of each subject passes, however many others there are.
    pub fn decide(&mut self, subject: u64, most: usize, now: Timestamp) -> Verdict {
        if self.is_over(now) {
            *self = Self::begin(now);
        }
        let is_first = self.subjects.len() < MOST_SUBJECTS && self.subjects.insert(subject);
        if is_first || self.passed < most {
            self.passed += 1;
            return Verdict::Pass;
        }
        Verdict::Gather(self.begun.saturating_add(HOUR).unwrap_or(now))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
