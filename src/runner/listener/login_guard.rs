//! Protects against password guessing: failures per address, a delay for each, and the order in which passwords are
//! verified. Accounts are never locked, because anybody could lock out a user by guessing at their name.
//!
//! Three things keep guessing slow. After `failures` wrong passwords within `failure_time` an address is blocked for
//! `block_time` (both in the listener's limits), and is refused as soon as it connects. Every rejection is answered a
//! second late, outside of any lock. And passwords are verified one after another for all connections: verifying is
//! expensive on purpose (PBKDF2), and a hundred parallel guesses would otherwise occupy every core while the mail of
//! others waits.
//!
//! Failures are counted per address and never per user name. With a count per name, anybody who knows a name could
//! lock its owner out from anywhere.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::config::listener::ListenLimits;

/// An address that logged in within this time is never blocked, only slowed down: its user may have changed a
/// password.
const KNOWN: Duration = Duration::from_hours(24 * 7);
/// The reply to every rejected login is delayed by this.
pub const PAUSE: Duration = Duration::from_secs(1);
/// A known address that would be blocked has one login verified per this interval, over all its connections.
const SLOWED: Duration = Duration::from_secs(3);
/// Failures remembered per address. More would make no difference.
const MOST_FAILURES: usize = 100;
/// Addresses that are remembered.
const REMEMBERED: usize = 10_000;
/// Logins that may wait for verification.
const WAITING: usize = 16;

/// Failures and logins by address. One login is verified at a time.
#[derive(Debug, Default)]
pub struct LoginGuard {
    addresses: Mutex<HashMap<IpAddr, Past>>,
    /// Logins that hold or wait for `is_busy`. Without this bound, a flood of logins would queue up for minutes, and
    /// honest clients behind them would time out instead of being asked to try later.
    verifying: Mutex<usize>,
    is_busy: Mutex<()>,
}

/// What is known about an address.
#[derive(Debug, Default)]
struct Past {
    /// Of the last `failure_time` only, oldest first.
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

    /// The number of recent failed logins.
    fn failures(&mut self, now: Instant, limits: &ListenLimits) -> usize {
        self.failures.retain(|at| now.duration_since(*at) < limits.failure_time);
        self.failures.len()
    }
}

/// The result of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Right,
    /// The password is wrong.
    Wrong,
    /// The password is wrong, and the address is blocked from now on.
    WrongAndBlocked,
    /// The address was blocked before the login was verified, because other logins from there failed.
    NotLookedAt,
    /// Too many logins are waiting.
    Crowded,
}

/// The address to count by. For IPv6 it is the /64, which one household has as a whole.
///
/// An attacker has 2^64 addresses in it, and could otherwise use a fresh one for every guess. IPv4-mapped addresses
/// count as IPv4, so that a client does not get a second allowance over a dual-stack socket.
#[must_use]
pub fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

impl LoginGuard {
    /// Whether the address is blocked because of too many failures.
    pub fn is_blocked(&self, address: IpAddr) -> bool {
        let now = Instant::now();
        let addresses = self.addresses.lock();
        let past = addresses.get(&counted_as(address));
        past.is_some_and(|past| past.blocked_until.is_some_and(|until| now < until))
    }

    /// Counts a rejected login. Returns whether the address is blocked from now on.
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
        // The block has used them up: when it ends, the address begins at zero.
        past.failures.clear();
        past.blocked_until = Some(now + limits.block_time);
        true
    }

    /// Records a successful login. Earlier failures still count: somebody with one password may be guessing another.
    fn succeeded(&self, address: IpAddr) {
        let now = Instant::now();
        let mut addresses = self.addresses.lock();
        make_room(&mut addresses);
        let past = addresses.entry(counted_as(address)).or_default();
        (past.logged_in, past.last, past.blocked_until) = (Some(now), Some(now), None);
    }

    /// How long a login from this address must wait because too many failed. Each call reserves the next slot.
    ///
    /// Reserving the slot is what makes the rate hold over parallel connections: each of them waits three seconds
    /// longer than the one before.
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

    /// Verifies one login when its turn comes. The result is counted before the next turn, so that parallel
    /// connections do not get more guesses than one.
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

    /// The block is checked again inside the turn. A client that opened many connections before its first failure must
    /// not have all their guesses verified.
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

/// Forgets the address that was seen least recently, if there are too many.
///
/// A blocked address may be forgotten this way, but only by ten thousand others that were seen since: an attacker with
/// that many needs no unblocking.
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
