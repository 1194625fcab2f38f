//! Recent submissions by submitter and token. A front end that got no reply submits its message again, over the
//! socket or through drop/, with the same token.
//!
//! A reply may be lost although the message was stored: the runner dies, or the client is cut off. The client cannot
//! tell and submits again, so a submission must be recognised by something that it brings along. The token is 128
//! random bits that the front end draws. It counts only together with the submitter, because another user who learned
//! the token could otherwise have a message swallowed.
//!
//! The reservation closes the gap in which both copies are on their way at once: the second one finds `BeingStored`
//! and is asked to try again, when the first has succeeded or failed.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;

use crate::mail::submitter::Submitter;
use crate::spool::MessageId;
use crate::submit::admit::pickup::Known;

/// How many submissions are remembered.
///
/// A front end submits again within a minute, so older ones may be forgotten. The tokens of messages that are still in
/// queue/ or failed/ are read again at every start of the runner.
const REMEMBERED: usize = 100_000;

/// The known submissions. The key is a hash of submitter and token, so that clients cannot choose the size of an
/// entry. The hash is keyed, so that they cannot choose a token that collides with another one either.
#[derive(Debug, Default)]
pub struct SeenTokens {
    seen: Mutex<Seen>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Seen {
    states: HashMap<u64, SubmissionState>,
    /// In order of arrival.
    order: VecDeque<u64>,
}

/// The state of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmissionState {
    /// It is being stored.
    BeingStored,
    /// It is stored as this message.
    Message(MessageId),
    /// It is in raw/. The client was given this id.
    Raw(MessageId),
}

impl SubmissionState {
    /// The id that the client was given.
    #[must_use]
    pub fn stored_as(self) -> Option<MessageId> {
        match self {
            Self::Message(id) | Self::Raw(id) => Some(id),
            Self::BeingStored => None,
        }
    }
}

impl SeenTokens {
    /// Reserves a new token. For a known token, returns the state of its submission.
    ///
    /// Looking and inserting happen under one lock. Of two copies that arrive together, exactly one gets `None`.
    pub fn reserve(&self, submitter: &Submitter, token: &str) -> Option<SubmissionState> {
        let key = self.key(submitter, token);
        let mut seen = self.seen.lock();
        if let Some(state) = seen.states.get(&key) {
            return Some(state.clone());
        }
        seen.states.insert(key, SubmissionState::BeingStored);
        seen.order.push_back(key);
        if seen.order.len() > REMEMBERED
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.states.remove(&oldest);
        }
        None
    }

    /// Ends a reservation. `None` means that the submission was not stored and may come again.
    ///
    /// Must be called on every path after a reservation. A token that stayed `BeingStored` would have its submission
    /// refused until it is forgotten.
    pub fn settle(&self, submitter: &Submitter, token: &str, state: Option<SubmissionState>) {
        let key = self.key(submitter, token);
        let mut seen = self.seen.lock();
        match (seen.states.get(&key), state) {
            // The submission was found in the queue in the meantime. One message is enough.
            (Some(SubmissionState::Message(_)), Some(SubmissionState::Raw(_) | SubmissionState::BeingStored)) => {}
            (_, Some(state)) => drop(seen.states.insert(key, state)),
            (_, None) => drop(seen.states.remove(&key)),
        }
    }

    /// A message was read from the queue: whatever was known about its token, it is stored.
    pub fn remember(&self, submitter: &Submitter, token: &str, id: &MessageId) {
        let _ = self.reserve(submitter, token);
        self.settle(submitter, token, Some(SubmissionState::Message(id.clone())));
    }

    /// The state of a token, for pickup.
    pub fn known(&self, submitter: &Submitter, token: &str) -> Known {
        match self.seen.lock().states.get(&self.key(submitter, token)) {
            None => Known::No,
            Some(SubmissionState::BeingStored) => Known::InHand,
            Some(SubmissionState::Message(_)) => Known::Stored,
            Some(SubmissionState::Raw(_)) => Known::Raw,
        }
    }

    fn key(&self, submitter: &Submitter, token: &str) -> u64 {
        self.hasher.hash_one((submitter, token))
    }
}

#[cfg(test)]
mod tests;
