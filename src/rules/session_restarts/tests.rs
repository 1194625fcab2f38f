//! The bounds of going on at once.

use super::*;

#[test]
fn a_message_has_five_in_a_minute_and_an_account_twenty_in_an_hour() {
    let (mut restarts, start) = (SessionRestarts::default(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    let granted = (0..8).filter(|_| restarts.begin("one", at(0))).count();
    assert_eq!(granted, 5);
    assert!(restarts.begin("two", at(0)), "another message has its own");
    assert!(restarts.begin("one", at(60)), "a minute later");
    let granted = (0..100).filter(|n| restarts.begin(&n.to_string(), at(120))).count();
    assert_eq!(granted, 13, "20 for the account");
    assert!(!restarts.begin("late", at(3599)));
    assert!(restarts.begin("late", at(3600)));
}
