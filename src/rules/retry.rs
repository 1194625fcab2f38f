//! When something is tried again, and when it is given up: pure functions of ages,
//! counts and settings. Who waits for whom is the runner's business.

use std::time::Duration;

use crate::config::Queue;

/// Attempts that must have been answered before a message may expire: nothing expires untried.
pub const HEARD_BEFORE_EXPIRY: u32 = 5;
/// How often an outcome may be unknown before the message is held.
pub const UNKNOWN_BEFORE_HOLD: u32 = 3;
/// The next try after an unknown outcome is not before this.
pub const AFTER_UNKNOWN: Duration = Duration::from_hours(1);
/// A rejected login is not tried again before this, whoever asks.
pub const LOGIN_PAUSE: Duration = Duration::from_mins(5);

/// The wait before a deferred message is tried again: its age, within `retry_min` and
/// `retry_max`, give or take a tenth. `chance` is uniform in 0..1.
#[must_use]
pub fn message_wait(age: Duration, queue: &Queue, chance: f64) -> Duration {
    jitter(age.clamp(queue.retry_min, queue.retry_max.max(queue.retry_min)), chance)
}

/// The wait before an account in relay trouble is probed again: doubling with every failure in a row (from 1).
#[must_use]
pub fn relay_wait(failures: u32, queue: &Queue, chance: f64) -> Duration {
    let doubled = queue.retry_min.saturating_mul(1 << failures.saturating_sub(1).min(16));
    jitter(doubled.min(queue.retry_max.max(queue.retry_min)), chance)
}

/// The wait before an account with a rejected login or another fault of its owner's is probed again.
#[must_use]
pub fn account_wait(failures: u32, queue: &Queue, chance: f64) -> Duration {
    relay_wait(failures, queue, chance).max(LOGIN_PAUSE)
}

/// Whether a message is given up at the end of an attempt that was answered.
#[must_use]
pub fn is_expired(age: Duration, heard: u32, queue: &Queue) -> bool {
    age >= queue.lifetime && heard >= HEARD_BEFORE_EXPIRY
}

fn jitter(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.9 + 0.2 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Queue {
            retry_min: minutes(1),
            retry_max: minutes(60),
            lifetime: minutes(5 * 24 * 60),
            warn_after: minutes(240),
            max_message_size: 0,
            min_free_space: 0,
            history: minutes(1),
            reports_per_hour: 20,
        }
    }

    #[test]
    fn the_first_retry_comes_after_a_minute_and_the_later_ones_by_age() {
        let wait = |age: u64| message_wait(Duration::from_secs(age), &queue(), 0.5).as_secs();
        assert_eq!([wait(0), wait(60), wait(300), wait(86_400)], [60, 60, 300, 3600]);
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        for chance in [0.0, 0.3, 1.0] {
            let wait = message_wait(Duration::from_mins(10), &queue(), chance).as_secs_f64();
            assert!((540.0..=660.0).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn a_dead_relay_is_probed_ever_more_rarely_up_to_the_limit() {
        let waits: Vec<u64> = (1..9).map(|n| relay_wait(n, &queue(), 0.5).as_secs()).collect();
        assert_eq!(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(relay_wait(u32::MAX, &queue(), 0.5).as_secs(), 3600);
    }

    #[test]
    fn a_rejected_login_rests_five_minutes() {
        assert_eq!(account_wait(1, &queue(), 0.0), LOGIN_PAUSE);
    }

    #[test]
    fn nothing_expires_untried() {
        let old = Duration::from_hours(50 * 365 * 24);
        assert!(!is_expired(old, 4, &queue()));
        assert!(is_expired(old, 5, &queue()));
        assert!(!is_expired(Duration::from_mins(1), 500, &queue()));
    }
}
