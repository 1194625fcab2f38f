//! Unit tests of `rules::retry`.

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
        bounce_size: 50_000,
        reports_per_hour: 20,
        idle_exit: None,
    }
}

#[test]
fn the_first_retry_comes_after_a_minute_and_the_later_ones_by_age() {
    let wait = |age: u64| message_wait(Duration::from_secs(age), &queue(), 0.5).as_secs();
    assert_eq!([wait(0), wait(60), wait(300), wait(86_400)], [60, 60, 300, 3600]);
}

#[test]
fn no_wait_is_longer_than_the_longest() {
    let mut queues = [queue(), queue()];
    // A `retry_max` below `retry_min` does not count.
    queues[1].retry_max = Duration::from_secs(1);
    for queue in &queues {
        let waits = [message_wait(Duration::from_hours(1000), queue, 1.0), relay_wait(99, queue, 1.0)];
        assert_eq!(waits, [longest_wait(queue); 2]);
    }
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

#[test]
fn an_account_that_is_to_pause_is_probed_when_that_is_over_and_within_an_hour() {
    let minutes = Duration::from_mins;
    for chance in [0.0, 0.5, 1.0] {
        assert_eq!(probe_wait(Duration::from_hours(24), chance), minutes(60));
        let wait = probe_wait(minutes(20), chance);
        assert!(wait > minutes(20) && wait < minutes(21), "{wait:?}");
    }
}
