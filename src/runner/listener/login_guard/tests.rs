//! Who is blocked, and who is not.

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn so_many_failures_block_an_address_and_no_other() {
    let (guard, limits) = (LoginGuard::default(), ListenLimits { failures: 3, ..ListenLimits::default() });
    assert!(!guard.failed(ip("192.0.2.1"), &limits) && !guard.failed(ip("::ffff:192.0.2.1"), &limits));
    assert!(!guard.is_blocked(ip("192.0.2.1")));
    assert!(guard.failed(ip("192.0.2.1"), &limits));
    assert!(guard.is_blocked(ip("192.0.2.1")) && !guard.is_blocked(ip("192.0.2.2")));
    for host in 1..=3 {
        guard.failed(ip(&format!("2001:db8::{host}")), &limits);
    }
    assert!(guard.is_blocked(ip("2001:db8::ffff")) && !guard.is_blocked(ip("2001:db8:0:1::1")));
}

#[test]
fn old_failures_do_not_count_and_a_block_ends() {
    let limits = ListenLimits { failures: 2, failure_time: Duration::ZERO, ..ListenLimits::default() };
    let guard = LoginGuard::default();
    assert!(!guard.failed(ip("192.0.2.1"), &limits) && !guard.failed(ip("192.0.2.1"), &limits));
    let limits = ListenLimits { failures: 1, block_time: Duration::ZERO, ..ListenLimits::default() };
    assert!(guard.failed(ip("192.0.2.1"), &limits) && !guard.is_blocked(ip("192.0.2.1")));
}

#[test]
fn an_address_that_has_logged_in_is_never_blocked_but_slowed_over_all_its_connections() {
    let (guard, limits) = (LoginGuard::default(), ListenLimits { failures: 3, ..ListenLimits::default() });
    let (known, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
    guard.succeeded(known);
    for _ in 0..2 {
        assert!(!guard.failed(known, &limits));
        assert_eq!(guard.delay(known, &limits), Duration::ZERO);
    }
    for _ in 0..9 {
        assert!(!guard.failed(known, &limits));
    }
    assert!(!guard.is_blocked(known));
    assert_eq!(guard.delay(known, &limits), Duration::ZERO);
    for place in 1..4 {
        let (delay, all) = (guard.delay(known, &limits), SLOWED * place);
        assert!(delay <= all && delay > all.saturating_sub(Duration::from_secs(1)), "{place}: {delay:?}");
    }
    assert_eq!(guard.delay(other, &limits), Duration::ZERO);
}

#[test]
fn a_right_login_does_not_undo_failures() {
    let (guard, limits) = (LoginGuard::default(), ListenLimits { failures: 3, ..ListenLimits::default() });
    let known = ip("192.0.2.1");
    for _ in 0..2 {
        guard.failed(known, &limits);
        guard.failed(known, &limits);
        guard.succeeded(known);
    }
    assert_eq!(guard.delay(known, &limits), Duration::ZERO, "the first in the row");
    assert!(guard.delay(known, &limits) > Duration::ZERO);
}

#[test]
fn parallel_guesses_are_as_few_as_those_in_a_row() {
    let (guard, limits) = (LoginGuard::default(), ListenLimits { failures: 5, ..ListenLimits::default() });
    let verdicts: Vec<Verdict> = std::thread::scope(|scope| {
        let guess = || guard.in_turn(ip("192.0.2.1"), &limits, || false);
        let guesses: Vec<_> = (0..10).map(|_| scope.spawn(guess)).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    assert_eq!((count(Verdict::Wrong), count(Verdict::WrongAndBlocked), count(Verdict::NotLookedAt)), (4, 1, 5));
    assert_eq!(guard.in_turn(ip("192.0.2.2"), &limits, || true), Verdict::Right);
}

#[test]
fn one_login_is_verified_at_a_time_and_a_crowd_is_turned_away() {
    let guard = LoginGuard::default();
    let (most, current) = (Mutex::new(0), Mutex::new(0));
    let verify = || {
        *current.lock() += 1;
        let now = *current.lock();
        let mut most = most.lock();
        *most = now.max(*most);
        std::thread::sleep(Duration::from_millis(20));
        *current.lock() -= 1;
        true
    };
    let limits = ListenLimits::default();
    let log_in = || guard.in_turn(ip("192.0.2.1"), &limits, verify);
    let turned_away = std::thread::scope(|scope| {
        let logins: Vec<_> = (0..40).map(|_| scope.spawn(|| log_in() == Verdict::Crowded)).collect();
        logins.into_iter().map(|login| login.join().unwrap()).filter(|away| *away).count()
    });
    assert_eq!(*most.lock(), 1);
    assert!(turned_away >= 1, "{turned_away}");
    assert_eq!(log_in(), Verdict::Right, "all have left");
}
