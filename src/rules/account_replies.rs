//! The replies that may be about an account as a whole, since it last delivered anything. A relay passes on the words
//! of the recipient's server, so that one message cannot show whose words they are: the same meaning for a second
//! message with another recipient can.

use std::collections::VecDeque;

use super::consequence::Repeated;
use super::meaning::Meaning;

/// More are not kept: the question is whether there is another message, not how many.
const MOST: usize = 64;
/// Of the recipients of one message.
const MOST_RECIPIENTS: usize = 16;

/// The replies of one account.
#[derive(Debug, Default)]
pub struct AccountReplies {
    seen: Vec<Seen>,
    /// The messages whose replies turned out to be their own, since the account delivered afterwards.
    own: VecDeque<String>,
}

#[derive(Debug)]
struct Seen {
    meaning: Meaning,
    message: String,
    recipients: Vec<String>,
}

impl AccountReplies {
    /// Whether another message with another recipient got a reply of this meaning, or two others, whoever they are for: on many
    /// machines all mail goes to one address. Without recipients the server had heard of none when it replied, so that another
    /// message is enough.
    #[must_use]
    pub fn repeated(&self, meaning: Meaning, message: &str, recipients: &[String]) -> Repeated {
        let is_other = |seen: &&Seen| seen.meaning == meaning && seen.message != message;
        let is_elsewhere = |seen: &Seen| {
            recipients.is_empty() || recipients.iter().any(|recipient| !seen.recipients.contains(recipient))
        };
        let mut others = self.seen.iter().filter(is_other);
        let is_repeated = others.clone().any(is_elsewhere) || others.nth(1).is_some();
        if is_repeated && !self.is_own(message) { Repeated::ForAnotherMessage } else { Repeated::No }
    }

    fn is_own(&self, message: &str) -> bool {
        self.own.iter().any(|own| own == message)
    }

    /// Remembers a reply.
    pub fn note(&mut self, meaning: Meaning, message: &str, recipients: &[String]) {
        let is_known = self.seen.iter().any(|seen| seen.meaning == meaning && seen.message == message);
        if is_known || self.is_own(message) || self.seen.len() >= MOST {
            return;
        }
        let recipients = recipients.iter().take(MOST_RECIPIENTS).cloned().collect();
        self.seen.push(Seen { meaning, message: message.to_owned(), recipients });
    }

    /// The account delivers, so none of it was about the account.
    pub fn clear(&mut self) {
        self.own.extend(self.seen.drain(..).map(|seen| seen.message));
        self.own.drain(..self.own.len().saturating_sub(MOST));
    }
}

#[cfg(test)]
mod tests;
