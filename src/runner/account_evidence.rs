//! Replies that may concern an account rather than one message, collected over all its sessions. The rule is in
//! `rules::account_replies`.
//!
//! One relay serves many recipients' servers and passes on their words. "Your account is suspended" in reply to RCPT
//! or to the content may be about the recipient there or about the account here. To stop the account at once would
//! hold up all mail because of one bad address; to bounce each such message would return a whole queue for what the
//! owner can fix in a minute. So the first such reply concerns its message only, and a second one, for another message
//! with another recipient, shows that the account is meant.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::mail::outcome::Status;
use crate::rules::account_replies::AccountReplies;
use crate::rules::consequence::{self, Repeated};
use crate::rules::meaning::Meaning;
use crate::spool::MessageId;

/// By account, over all sessions of this runner. Not stored: if the server still gives such a reply, the next runner
/// sees it again.
#[derive(Debug, Default)]
pub struct AccountEvidence {
    replies: Mutex<HashMap<String, AccountReplies>>,
}

impl AccountEvidence {
    /// Whether another message with another recipient got a reply of this meaning through the account. Remembers this
    /// one.
    ///
    /// Looked up before it is added, both under one lock: of two sessions that get the reply at the same time, the
    /// second sees the first. A later attempt of the same message does not count as a second.
    pub fn note(&self, account: &str, meaning: Meaning, message: &MessageId, recipients: &[String]) -> Repeated {
        if !consequence::is_worth_remembering(meaning) {
            return Repeated::No;
        }
        let mut replies = self.replies.lock();
        let of_account = replies.entry(account.to_owned()).or_default();
        let repeated = of_account.repeated(meaning, message.as_str(), recipients);
        of_account.note(meaning, message.as_str(), recipients);
        repeated
    }

    /// An attempt through the account ended with these outcomes. If anything was delivered, the account works.
    ///
    /// A delivery proves that the account works at this moment, so everything that was collected before says nothing
    /// any more.
    pub fn attempted(&self, account: &str, statuses: impl IntoIterator<Item = Status>) {
        if statuses.into_iter().any(|status| status == Status::Delivered)
            && let Some(of_account) = self.replies.lock().get_mut(account)
        {
            of_account.clear();
        }
    }
}
