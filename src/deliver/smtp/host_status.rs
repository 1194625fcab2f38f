//! What other sessions showed of a server. Of the servers of a relay that has several: which failed, and which let us wait. They
//! are tried after the others for a while, so that one that is down or slow costs one session and not each of them. Of each: that
//! it works for others while a connection waits for its greeting.
//!
//! Kept in memory only, as a hint: a server is never left out, so that nothing is lost by a wrong hint.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long a server that failed comes last. Within this time, one that does not even refuse a connection costs one session
/// the limit of `timeouts`.
const AFTER_FAILURE: Duration = Duration::from_mins(5);
/// A server that does not answer a step within this time is slow.
const SLOW: Duration = Duration::from_secs(2);
/// How long it then comes after its equals.
const AFTER_WAIT: Duration = Duration::from_mins(1);

/// A server that works greets within this time, unless it let the last connection wait for longer.
pub(super) const GREETS_WITHIN: Duration = Duration::from_secs(15);

/// By `host:port`.
#[derive(Debug, Default)]
pub struct HostStatus(Mutex<HashMap<String, Status>>);

#[derive(Debug, Default)]
struct Status {
    failed: Option<Instant>,
    /// When it last carried a message on, in any session.
    worked: Option<Instant>,
    /// How long it let the last connection wait for its greeting.
    greeted_after: Duration,
    /// The end of the last wait that was long.
    waited: Option<Instant>,
    /// The beginnings of the waits that go on.
    waiting: Vec<Instant>,
}

/// A session waits for this server until this is dropped.
pub(crate) struct Wait<'a> {
    hosts: &'a HostStatus,
    host: String,
    began: Instant,
}

impl HostStatus {
    /// The server did not take what it should.
    pub(crate) fn failed(&self, host: &str) {
        self.0.lock().entry(host.to_owned()).or_default().failed = Some(Instant::now());
    }

    /// The server works.
    pub(crate) fn works(&self, host: &str) {
        if let Some(status) = self.0.lock().get_mut(host) {
            status.failed = None;
            status.worked = Some(Instant::now());
        }
    }

    /// The server greeted a connection that had begun then.
    pub(super) fn greeted(&self, host: &str, began: Instant) {
        self.0.lock().entry(host.to_owned()).or_default().greeted_after = began.elapsed();
    }

    /// Whether a connection that has begun then, and is not greeted yet, is lost: in the meantime the server works for others,
    /// and it greets sooner.
    ///
    /// Where a server's queue of new connections is full, its system may answer a connection that the server never learns of, and
    /// that waits for ever. Some firewalls do the same to more connections than they allow.
    pub(super) fn has_lost(&self, host: &str, began: Instant) -> bool {
        self.has_lost_at(host, began, Instant::now())
    }

    fn has_lost_at(&self, host: &str, began: Instant, now: Instant) -> bool {
        self.0.lock().get(host).is_some_and(|status| {
            status.worked.is_some_and(|worked| worked > began)
                && !within(GREETS_WITHIN.max(status.greeted_after), began, now)
        })
    }

    /// Whether it failed lately.
    pub(crate) fn has_failed(&self, host: &str) -> bool {
        self.has_failed_at(host, Instant::now())
    }

    fn has_failed_at(&self, host: &str, now: Instant) -> bool {
        self.0.lock().get(host).is_some_and(|status| status.failed.is_some_and(|then| within(AFTER_FAILURE, then, now)))
    }

    /// A wait for the server begins.
    pub(crate) fn wait(&self, host: &str) -> Wait<'_> {
        let began = Instant::now();
        self.0.lock().entry(host.to_owned()).or_default().waiting.push(began);
        Wait { hosts: self, host: host.to_owned(), began }
    }

    /// Whether it lets a session wait, or did lately.
    pub(crate) fn is_slow(&self, host: &str) -> bool {
        self.is_slow_at(host, Instant::now())
    }

    fn is_slow_at(&self, host: &str, now: Instant) -> bool {
        self.0.lock().get(host).is_some_and(|status| {
            status.waited.is_some_and(|then| within(AFTER_WAIT, then, now))
                || status.waiting.iter().any(|began| !within(SLOW, *began, now))
        })
    }

    fn ends(&self, host: &str, began: Instant, now: Instant) {
        let mut hosts = self.0.lock();
        let Some(status) = hosts.get_mut(host) else { return };
        if let Some(at) = status.waiting.iter().position(|one| *one == began) {
            status.waiting.swap_remove(at);
        }
        if !within(SLOW, began, now) {
            status.waited = Some(now);
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.hosts.ends(&self.host, self.began, Instant::now());
    }
}

fn within(limit: Duration, then: Instant, now: Instant) -> bool {
    now.saturating_duration_since(then) < limit
}

#[cfg(test)]
mod tests;
