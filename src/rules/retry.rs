//! When something is tried again, and when it is given up: pure functions of ages,
//! counts and settings. Who waits for whom is the runner's business.

use std::time::Duration;

use crate::config::Queue;
use crate::config::mailbox::LOCAL_ACCOUNT;

/// Attempts that must have been answered before a message may expire: nothing expires untried.
pub const HEARD_BEFORE_EXPIRY: u32 = 5;
/// The sender of a message that is held is notified within this time.
pub const TOLD_WITHIN: Duration = Duration::from_hours(1);
/// The next try after an unknown outcome is not before this.
pub const AFTER_UNKNOWN: Duration = Duration::from_hours(1);
/// The same where a mailbox of this machine was delivered to: whoever reads it has a doubt settled sooner than a lost mail
/// found, and a server that knows the message does not store it again.
const AFTER_UNKNOWN_HERE: Duration = Duration::from_mins(1);
/// However long a provider asks an account to pause, it is tried this often.
pub const PROBE_EVERY: Duration = Duration::from_hours(1);
/// An account whose trouble was met in the transaction of a message is tried by another message this soon: relays pass on the
/// words of the recipient's server. Not sooner, since each try may be a login.
const OTHER_MESSAGE_AFTER: Duration = Duration::from_mins(3);
/// A rejected login is not tried again before this, whoever asks.
pub const LOGIN_PAUSE: Duration = Duration::from_mins(5);

/// The wait before a deferred message is tried again: its age, within `retry_min` and
/// `retry_max`, give or take a tenth. `chance` is uniform in 0..1.
#[must_use]
pub fn message_wait(age: Duration, queue: &Queue, chance: f64) -> Duration {
    jitter(age.clamp(queue.retry_min, queue.retry_max.max(queue.retry_min)), chance)
}

/// The wait after an unknown outcome of this account.
#[must_use]
pub fn after_unknown(account: &str) -> Duration {
    if account == LOCAL_ACCOUNT { AFTER_UNKNOWN_HERE } else { AFTER_UNKNOWN }
}

/// The wait before an account in relay trouble is probed again: doubling with every failure in a row (from 1).
#[must_use]
pub fn relay_wait(failures: u32, queue: &Queue, chance: f64) -> Duration {
    let doubled = queue.retry_min.saturating_mul(1 << failures.saturating_sub(1).min(16));
    jitter(doubled.min(queue.retry_max.max(queue.retry_min)), chance)
}

/// The wait before another message probes an account whose trouble a message met: doubling with every failure in a row.
#[must_use]
pub fn other_message_wait(failures: u32) -> Duration {
    OTHER_MESSAGE_AFTER.saturating_mul(1 << failures.saturating_sub(1).min(16))
}

/// The wait before an account with a rejected login or another fault of its owner's is probed again.
#[must_use]
pub fn account_wait(failures: u32, queue: &Queue, chance: f64) -> Duration {
    relay_wait(failures, queue, chance).max(LOGIN_PAUSE)
}

/// The wait before an account is probed that the provider asked to pause for this long: an hour at most, because such a
/// time is often the longest that it may take.
#[must_use]
pub fn probe_wait(named: Duration, chance: f64) -> Duration {
    // Never earlier than the server says, or it may begin to count again.
    let late = Duration::from_secs(1) + named.mul_f64(0.02 * chance.clamp(0.0, 1.0));
    named.saturating_add(late).min(PROBE_EVERY)
}

/// Whether a message is given up at the end of an attempt that was answered.
#[must_use]
pub fn is_expired(age: Duration, heard: u32, queue: &Queue) -> bool {
    age >= queue.lifetime && heard >= HEARD_BEFORE_EXPIRY
}

/// The longest wait that [`message_wait`] and [`relay_wait`] can come to. A stored time that is further away was written
/// before the wall clock jumped.
#[must_use]
pub fn longest_wait(queue: &Queue) -> Duration {
    jitter(queue.retry_max.max(queue.retry_min), 1.0)
}

fn jitter(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.9 + 0.2 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests;
