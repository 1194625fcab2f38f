//! One account's messages and sessions, as the scheduler knows them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

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
    /// The session that probes the account, where there is one.
    pub(super) probe: Probe,
}

/// A session that probes an account on its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Probe {
    /// It has not logged in yet.
    #[default]
    NotOpen,
    /// It has logged in, and the others wait until then for what the server says of the message.
    Open(Timestamp),
    /// It has logged in and waits for a slow reply, which is about the message.
    Slow,
}

/// How long a session that has logged in keeps the others of its account waiting: most of what a server has against an account it
/// says by then, and the reply to the content may take ten minutes (RFC 5321 section 4.5.3.2.6).
const PROBE: Duration = Duration::from_secs(10);

impl AccountQueue {
    /// Whether only one session may be open: providers lock accounts after a few wrong passwords.
    pub(super) fn is_probed(&self) -> bool {
        (self.failures > 0 || !self.proven) && self.probe != Probe::Slow
    }

    /// A session has logged in.
    pub(super) fn session_opened(&mut self, now: Timestamp) {
        if self.is_probed() {
            self.probe = Probe::Open(later(now, PROBE));
        }
    }

    /// The other sessions wait no longer for a probe that has taken its time.
    pub(super) fn end_slow_probe(&mut self, now: Timestamp) {
        if matches!(self.probe, Probe::Open(until) if until <= now) {
            self.probe = Probe::Slow;
        }
    }

    /// When another session may be opened, where messages are ready.
    pub(super) fn next_session(&self) -> Option<Timestamp> {
        match self.probe {
            _ if self.ready == 0 => None,
            Probe::Open(until) => Some(until),
            Probe::NotOpen | Probe::Slow if self.sessions > 0 => None,
            Probe::NotOpen | Probe::Slow => self.backoff.map(|backoff| backoff.until),
        }
    }

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

/// `wait` after `now`, or `now` if that exceeds the range of timestamps.
pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(now)
}
