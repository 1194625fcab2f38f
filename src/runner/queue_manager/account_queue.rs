//! One account's messages and sessions, as the scheduler knows them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::round_robin::RoundRobin;
use crate::spool::MessageId;
use crate::spool::account_health::Trouble;

/// Until when an account opens no session, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The next probe.
    pub until: Timestamp,
    /// The kind of trouble.
    pub trouble: Trouble,
    /// When a message that has not met the trouble may be the probe, where the trouble was met by a message.
    pub early: Option<Timestamp>,
}

/// One account's messages and sessions.
#[derive(Debug, Default)]
pub(super) struct AccountQueue {
    /// May contain messages that are no longer ready here.
    pub(super) round_robin: RoundRobin,
    pub(super) ready: usize,
    pub(super) sessions: usize,
    pub(super) backoff: Option<Backoff>,
    /// Consecutive failures.
    pub(super) failures: u32,
    /// The number of sessions that the provider allows, and until when this is assumed.
    pub(super) limit: Option<(usize, Timestamp)>,
    /// The last message in whose transaction the connection was lost.
    pub(super) charged: Option<MessageId>,
    /// The messages in whose transaction the account's trouble was met: the others are probes before them.
    pub(super) suspects: BTreeSet<MessageId>,
    /// Whether a message was delivered since this runner started.
    pub(super) proven: bool,
}

impl AccountQueue {
    /// A message that has not met the account's trouble waits for less.
    pub(super) fn end_early(&mut self) {
        if let Some(backoff) = &mut self.backoff {
            backoff.until = backoff.early.map_or(backoff.until, |early| early.min(backoff.until));
        }
    }

    /// The allowed number of sessions: `sessions`, or less if the provider refused that many.
    pub(super) fn limited(&self, sessions: usize, now: Timestamp) -> usize {
        self.limit.filter(|(_, until)| *until > now).map_or(sessions, |(most, _)| sessions.min(most))
    }
}
