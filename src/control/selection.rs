//! Which messages are meant: by id, account, sender, recipient, age. The same words for
//! commands that look themselves and for those that ask the runner.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access::AccessScope;
use crate::spool::clock::Clock;
use crate::spool::journal::Journal;
use crate::spool::{Envelope, MessageId, Spool, SpoolError};

/// Which messages are meant: all members that are given must hold; none given means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// These ids.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ids: BTreeSet<MessageId>,
    /// This account's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// From this sender (after admission), ignoring case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// To this recipient (after admission or as given), ignoring case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// In the queue for longer than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older: Option<Duration>,
    /// Of what this one may see. Nobody says it of themselves.
    #[serde(skip)]
    pub viewer: AccessScope,
}

impl Selection {
    /// Whether nothing narrows it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an id that is asked for by name, or any where none is.
    #[must_use]
    pub fn names(&self, id: &MessageId) -> bool {
        self.ids.is_empty() || self.ids.contains(id)
    }

    /// Whether it takes opening the message to know.
    #[must_use]
    pub fn looks_inside(&self) -> bool {
        self.sender.is_some()
            || self.recipient.is_some()
            || self.older.is_some()
            || self.viewer != AccessScope::Everything
    }

    /// Whether a message that cannot be read is meant all the same: by name, by who may see all.
    #[must_use]
    pub fn means_unreadable(&self) -> bool {
        !self.ids.is_empty() && self.viewer == AccessScope::Everything
    }

    /// The envelope to be matched: where it matters, with the recipients that the journal adds.
    pub fn read(&self, spool: &Spool, id: &MessageId) -> Result<Envelope, SpoolError> {
        let mut envelope = spool.open_message(id)?.envelope;
        if self.recipient.is_some() {
            let state = Journal::peek(spool, id, envelope.recipients.len())?;
            envelope.join(&state);
        }
        Ok(envelope)
    }

    /// Whether the message is meant, and may be seen; `account` is asked only where it matters.
    #[must_use]
    pub fn matches(&self, envelope: &Envelope, account: impl FnOnce() -> String, clock: &Clock) -> bool {
        self.viewer.sees(envelope.uid) && self.is_about(envelope, account, clock)
    }

    /// Whether the message is meant, whoever may see it.
    #[must_use]
    pub fn is_about(&self, envelope: &Envelope, account: impl FnOnce() -> String, clock: &Clock) -> bool {
        self.names(&envelope.id)
            && self.sender.as_deref().is_none_or(|asked| is_from(envelope, asked))
            && self.recipient.as_deref().is_none_or(|asked| is_to(envelope, asked))
            && self.older.is_none_or(|age| clock.age(envelope.arrived) >= age)
            && self.account.as_deref().is_none_or(|asked| account() == asked)
    }
}

/// `MAILER-DAEMON` is what listings say for the null sender, `<>` what people write.
fn is_from(envelope: &Envelope, asked: &str) -> bool {
    let sender = envelope.sender.to_string();
    let is_null = envelope.sender.mailbox().is_none();
    sender.eq_ignore_ascii_case(asked) || is_null && (asked == "<>" || asked.eq_ignore_ascii_case("MAILER-DAEMON"))
}

fn is_to(envelope: &Envelope, asked: &str) -> bool {
    let is_asked = |text: &str| text.eq_ignore_ascii_case(asked);
    envelope.recipients.iter().any(|recipient| is_asked(&recipient.address.to_string()) || is_asked(&recipient.given))
}
