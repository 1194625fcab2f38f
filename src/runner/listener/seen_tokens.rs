//! Submissions seen lately, by submitter and token. A front end that got no reply submits
//! the message again, over the socket or through drop/; the token shows that it is the same.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;

use crate::mail::submitter::Submitter;
use crate::spool::MessageId;
use crate::submit::admit::pickup::Known;

/// So many submissions are remembered.
const REMEMBERED: usize = 100_000;

/// What is known of submissions. Kept by a hash of submitter and token, so that no client decides how large
/// an entry is; the hash is keyed, so that none can choose a token that collides with another's.
#[derive(Debug, Default)]
pub struct SeenTokens {
    seen: Mutex<Seen>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Seen {
    states: HashMap<u64, SubmissionState>,
    /// Oldest first.
    order: VecDeque<u64>,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmissionState {
    /// It is being stored.
    BeingStored,
    /// It is this message.
    Message(MessageId),
    /// It is in raw/; this id was the reply.
    Raw(MessageId),
}

impl SubmissionState {
    /// The id that was the reply.
    #[must_use]
    pub fn stored_as(self) -> Option<MessageId> {
        match self {
            Self::Message(id) | Self::Raw(id) => Some(id),
            Self::BeingStored => None,
        }
    }
}

impl SeenTokens {
    /// Reserves a token that is new; of one that is known, what became of it.
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

    /// Ends a reservation: the submission is stored, or is not (`None`) and may come again.
    pub fn settle(&self, submitter: &Submitter, token: &str, state: Option<SubmissionState>) {
        let key = self.key(submitter, token);
        let mut seen = self.seen.lock();
        match (seen.states.get(&key), state) {
            // It was found in the queue meanwhile: one message is enough.
            (Some(SubmissionState::Message(_)), Some(SubmissionState::Raw(_) | SubmissionState::BeingStored)) => {}
            (_, Some(state)) => drop(seen.states.insert(key, state)),
            (_, None) => drop(seen.states.remove(&key)),
        }
    }

    /// A message was read from the queue: its token is known, whatever was known of it before.
    pub fn remember(&self, submitter: &Submitter, token: &str, id: &MessageId) {
        let _ = self.reserve(submitter, token);
        self.settle(submitter, token, Some(SubmissionState::Message(id.clone())));
    }

    /// What pickup wants to know.
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
