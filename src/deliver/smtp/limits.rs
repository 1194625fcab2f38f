//! The limits that a server announces (LIMITS, RFC 9422), and the recipients that may share a transaction under them.

use crate::mail::address::Address;

/// Limits for a session and a transaction. `None` means that no limit was announced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// MAIL commands in a session (MAILMAX).
    pub mails: Option<usize>,
    /// RCPT commands in a transaction (RCPTMAX).
    pub recipients: Option<usize>,
    /// Different domains in a transaction (RCPTDOMAINMAX).
    pub domains: Option<usize>,
}

impl Limits {
    /// Parses the words after the keyword. A value of 0, or one that is not a number, is ignored.
    pub(crate) fn read<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut limits = Self::default();
        for word in words {
            let Some((name, value)) = word.split_once('=') else { continue };
            let value = value.parse().ok().filter(|value| *value > 0);
            match name.to_ascii_uppercase().as_str() {
                "MAILMAX" => limits.mails = value,
                "RCPTMAX" => limits.recipients = value,
                "RCPTDOMAINMAX" => limits.domains = value,
                _ => {}
            }
        }
        limits
    }

    /// Moves the recipients of the next transaction from `waiting` to the result, in their order.
    ///
    /// At least one recipient is taken as long as any waits, since limits of zero are ignored: the caller's loop
    /// relies on that to end.
    pub(crate) fn take(self, waiting: &mut Vec<usize>, recipients: &[Address]) -> Vec<usize> {
        let most = self.recipients.unwrap_or(usize::MAX);
        let mut domains: Vec<String> = Vec::new();
        let mut taken = Vec::new();
        waiting.retain(|&at| {
            let domain = recipients.get(at).map(|address| address.domain().to_ascii_lowercase()).unwrap_or_default();
            let is_known = domains.contains(&domain);
            let fits = is_known || self.domains.is_none_or(|most| domains.len() < most);
            if taken.len() >= most || !fits {
                return true;
            }
            if !is_known && self.domains.is_some() {
                domains.push(domain);
            }
            taken.push(at);
            false
        });
        taken
    }
}

#[cfg(test)]
mod tests;
