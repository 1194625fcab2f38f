//! Guessing of passwords: failures by address, the pause that each costs, and the order in which passwords are verified. No
//! account is ever locked: who guesses at a name would lock its owner out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::config::listener::ListenLimits;

/// An address that has logged in within this time is never blocked, only slowed: its user may have changed a password.
const KNOWN: Duration = Duration::from_hours(24 * 7);
/// Every rejected login waits this long for its reply.
pub const PAUSE: Duration = Duration::from_secs(1);
/// An address that would be blocked, but is known, has one login verified in this time, over all its connections.
const SLOWED: Duration = Duration::from_secs(3);
/// Failures of an address that are remembered; more make no difference.
const MOST_FAILURES: usize = 100;
/// Addresses that are remembered.
const REMEMBERED: usize = 10_000;
/// Logins that wait to be verified.
const WAITING: usize = 16;

/// Failures and logins, by address; one login is verified at a time.
#[derive(Debug, Default)]
pub struct LoginGuard {
    addresses: Mutex<HashMap<IpAddr, Past>>,
    verifying: Mutex<usize>,
    is_busy: Mutex<()>,
}

/// What is known of an address.
#[derive(Debug, Default)]
struct Past {
    failures: Vec<Instant>,
    blocked_until: Option<Instant>,
    logged_in: Option<Instant>,
    last: Option<Instant>,
    /// When its next login may be verified.
    next: Option<Instant>,
}

impl Past {
    fn is_known(&self, now: Instant) -> bool {
        self.logged_in.is_some_and(|at| now.duration_since(at) < KNOWN)
    }

    /// How many of its logins failed lately.
    fn failures(&mut self, now: Instant, limits: &ListenLimits) -> usize {
        self.failures.retain(|at| now.duration_since(*at) < limits.failure_time);
        self.failures.len()
    }
}

/// What came of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is right.
    Right,
    /// It is wrong.
    Wrong,
    /// It is wrong, and one too many from this address.
    WrongAndBlocked,
    /// The address was blocked when its turn came: others from there have failed meanwhile.
    NotLookedAt,
    /// Too many wait to be verified.
    Crowded,
}

/// The address for counting: one household has a whole /64.
#[must_use]
pub fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

impl LoginGuard {
    /// Whether this address has failed so often that it is to wait.
    pub fn is_blocked(&self, address: IpAddr) -> bool {
        let now = Instant::now();
        let addresses = self.addresses.lock();
        let past = addresses.get(&counted_as(address));
        past.is_some_and(|past| past.blocked_until.is_some_and(|until| now < until))
    }

    /// A login from there was rejected; whether the address is blocked from now on.
    fn failed(&self, address: IpAddr, limits: &ListenLimits) -> bool {
        let now = Instant::now();
        let mut addresses = self.addresses.lock();
        make_room(&mut addresses);
        let past = addresses.entry(counted_as(address)).or_default();
        past.last = Some(now);
        past.failures.push(now);
        if past.failures(now, limits) < limits.failures {
            return false;
        }
        if past.is_known(now) {
            let surplus = past.failures.len().saturating_sub(MOST_FAILURES);
            past.failures.drain(..surplus);
            return false;
        }
        past.failures.clear();
        past.blocked_until = Some(now + limits.block_time);
        true
    }

    /// A login from there was right. That does not make earlier failures undone: who has one password may be guessing at
    /// another's.
    fn succeeded(&self, address: IpAddr) {
        let now = Instant::now();
        let mut addresses = self.addresses.lock();
        make_room(&mut addresses);
        let past = addresses.entry(counted_as(address)).or_default();
        (past.logged_in, past.last, past.blocked_until) = (Some(now), Some(now), None);
    }

    /// How long a login from there is to wait before its turn, because too many failed. Each call takes a place in the row.
    #[must_use]
    pub fn delay(&self, address: IpAddr, limits: &ListenLimits) -> Duration {
        let now = Instant::now();
        let mut addresses = self.addresses.lock();
        let Some(past) = addresses.get_mut(&counted_as(address)) else { return Duration::ZERO };
        if !past.is_known(now) || past.failures(now, limits) < limits.failures {
            return Duration::ZERO;
        }
        let turn = past.next.map_or(now, |next| next.max(now));
        past.next = Some(turn + SLOWED);
        turn.duration_since(now)
    }

    /// Verifies one login from there when its turn comes. What it comes to is counted before the next turn: parallel
    /// connections get no more guesses than one.
    pub fn in_turn(&self, address: IpAddr, limits: &ListenLimits, is_right: impl FnOnce() -> bool) -> Verdict {
        {
            let mut verifying = self.verifying.lock();
            if *verifying > WAITING {
                return Verdict::Crowded;
            }
            *verifying += 1;
        }
        let turn = self.is_busy.lock();
        let verdict = self.verify(address, limits, is_right);
        drop(turn);
        *self.verifying.lock() -= 1;
        verdict
    }

    fn verify(&self, address: IpAddr, limits: &ListenLimits, is_right: impl FnOnce() -> bool) -> Verdict {
        if self.is_blocked(address) {
            return Verdict::NotLookedAt;
        }
        if is_right() {
            self.succeeded(address);
            return Verdict::Right;
        }
        if self.failed(address, limits) { Verdict::WrongAndBlocked } else { Verdict::Wrong }
    }
}

/// Forgets the address that was heard of longest ago, where there are too many.
fn make_room(addresses: &mut HashMap<IpAddr, Past>) {
    if addresses.len() >= REMEMBERED
        && let Some(oldest) = addresses.iter().min_by_key(|(_, past)| past.last).map(|(address, _)| *address)
    {
        addresses.remove(&oldest);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
