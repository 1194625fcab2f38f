//! Tests of the schedule: plain data in, plain data out.

use super::*;

use crate::mail::submitter::Submitter;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id(n: u64) -> MessageId {
    MessageId::new(n, 0)
}

fn schedule(messages: &[(u64, &str, i64)]) -> Scheduler {
    let mut schedule = Scheduler::default();
    for (n, account, due) in messages {
        schedule.add(id(*n), account, Origin::default(), at(*due));
    }
    schedule.promote_due(at(0));
    schedule
}

#[test]
fn what_is_due_is_taken_in_order_and_the_rest_waits() {
    let mut s = schedule(&[(1, "a", 0), (2, "a", 5), (3, "a", -1)]);
    assert_eq!(s.take_next("a", at(0)), Some(id(3)));
    assert_eq!(s.take_next("a", at(0)), Some(id(1)));
    assert_eq!(s.take_next("a", at(0)), None);
    assert_eq!(s.next_wake(), Some(at(5)));
}

#[test]
fn an_account_in_trouble_rests_and_is_then_probed_by_one_session() {
    let mut s = schedule(&[(1, "a", 0), (2, "a", 0), (3, "b", 0)]);
    s.back_off("a", Backoff { until: at(60), trouble: Trouble::Relay, early: None }, 1);
    assert_eq!(s.take_next("a", at(0)), None);
    assert_eq!(s.startable(at(0), |_| 2), ["b"]);
    s.session_started("b");
    s.take_next("b", at(0)).unwrap();
    assert_eq!(s.next_wake(), Some(at(60)));
    assert_eq!(s.startable(at(60), |_| 2), ["a"]);
    s.session_started("a");
    assert!(s.startable(at(60), |_| 2).is_empty());
    assert!(s.recover("a"));
    assert_eq!(s.startable(at(60), |_| 2), ["a"]);
}

/// An account's trouble that was met in the transaction of a message.
fn met_by(s: &mut Scheduler, n: u64, now: i64) {
    s.suspect("a", &id(n));
    s.requeue(&id(n), "a", at(now));
    let backoff = Backoff { until: at(now + 300), trouble: Trouble::Setup, early: Some(at(now + 180)) };
    s.back_off("a", backoff, 1);
    s.promote_due(at(now));
}

#[test]
fn the_message_that_met_the_trouble_is_the_last_to_probe_its_account() {
    let mut s = schedule(&[(1, "a", 0)]);
    assert_eq!(s.take_next("a", at(0)), Some(id(1)));
    met_by(&mut s, 1, 0);
    assert_eq!(s.next_wake(), Some(at(300)), "nobody else could probe it");
    // Another message arrives while it waits.
    s.add(id(2), "a", Origin::default(), at(10));
    s.promote_due(at(10));
    assert_eq!(s.next_wake(), Some(at(180)));
    assert_eq!(s.take_next("a", at(179)), None);
    assert_eq!(s.take_next("a", at(180)), Some(id(2)));
    // It was about the message: the other one is delivered, and all go on.
    assert!(s.recover("a"));
    assert_eq!(s.take_next("a", at(181)), Some(id(1)));
}

#[test]
fn each_message_that_meets_the_trouble_goes_behind_those_that_have_not() {
    let mut s = schedule(&[(1, "a", 0), (2, "a", 0), (3, "a", 0)]);
    for n in 1..=3 {
        let now = i64::try_from(n).unwrap() * 1000;
        assert_eq!(s.take_next("a", at(now)), Some(id(n)));
        met_by(&mut s, n, now);
        let wait = if n < 3 { 180 } else { 300 };
        assert_eq!(s.next_wake(), Some(at(now + wait)), "{n}");
    }
    // All have: the one that was tried longest ago.
    assert_eq!(s.take_next("a", at(4000)), Some(id(1)));
    s.requeue(&id(1), "a", at(4000));
    s.promote_due(at(4000));
    assert_eq!(s.take_next("a", at(4000)), Some(id(2)));
}

#[test]
fn what_the_session_met_or_a_limit_that_is_over_at_its_time_ends_no_sooner_for_another_message() {
    let mut s = schedule(&[(1, "a", 0)]);
    s.back_off("a", Backoff { until: at(300), trouble: Trouble::Relay, early: None }, 1);
    s.add(id(2), "a", Origin::default(), at(10));
    s.promote_due(at(10));
    assert_eq!(s.next_wake(), Some(at(300)));
}

#[test]
fn only_two_different_messages_in_a_row_blame_the_relay() {
    let mut s = schedule(&[(1, "a", 0), (2, "a", 0)]);
    assert!(!s.charge("a", &id(1)));
    assert!(!s.charge("a", &id(1)));
    assert!(s.charge("a", &id(2)));
    s.recover("a");
    assert!(!s.charge("a", &id(1)));
}

#[test]
fn a_message_put_back_waits_for_its_new_time_behind_the_others() {
    let mut s = schedule(&[(1, "a", 0), (2, "a", 0)]);
    assert_eq!(s.take_next("a", at(0)), Some(id(1)));
    s.requeue(&id(1), "a", at(60));
    assert_eq!(s.take_next("a", at(0)), Some(id(2)));
    s.make_due(&id(1), at(1));
    s.promote_due(at(1));
    assert_eq!(s.take_next("a", at(1)), Some(id(1)));
    s.remove(&id(1));
    assert_eq!(s.len(), 1);
}

#[test]
fn a_single_mail_does_not_wait_behind_a_bulk_sender() {
    let mut s = Scheduler::default();
    for n in 0..1000 {
        s.add(id(n), "a", Origin::of(&Submitter::Local(1000), "list@x.example"), at(0));
    }
    s.add(id(2000), "a", Origin::of(&Submitter::Local(1000), "me@x.example"), at(0));
    s.promote_due(at(0));
    let taken: Vec<_> = (0..3).map(|_| s.take_next("a", at(0)).unwrap()).collect();
    assert!(taken.contains(&id(2000)), "{taken:?}");
}

#[test]
fn a_message_that_left_while_it_was_ready_is_not_taken_and_counts_no_more() {
    let mut s = schedule(&[(1, "a", 0), (2, "a", 0)]);
    s.remove(&id(1));
    s.requeue(&id(2), "b", at(0));
    assert!(s.startable(at(0), |_| 2).is_empty());
    s.promote_due(at(0));
    assert_eq!((s.take_next("a", at(0)), s.take_next("b", at(0))), (None, Some(id(2))));
    s.requeue(&id(2), "a", at(-1));
    s.promote_due(at(0));
    assert_eq!((s.take_next("a", at(0)), s.take_next("a", at(0))), (Some(id(2)), None));
    assert!(!s.has_work(at(0)));
}

#[test]
fn an_account_gets_its_second_session_when_the_first_message_went_through() {
    let mut s = schedule(&[(1, "a", 0), (2, "a", 0), (3, "a", 0)]);
    s.session_started("a");
    s.take_next("a", at(0)).unwrap();
    assert!(s.startable(at(0), |_| 2).is_empty());
    s.recover("a");
    assert_eq!(s.startable(at(0), |_| 2), ["a"]);
}

#[test]
fn refusals_limit_the_sessions_unless_none_is_let_in_at_all() {
    let mut s = schedule(&[(1, "a", 0), (2, "a", 0)]);
    s.recover("a");
    s.session_started("a");
    s.session_started("a");
    assert!(s.limit_sessions("a", 1, at(0)));
    s.session_ended("a");
    assert!(s.startable(at(0), |_| 2).is_empty(), "one is what the provider allows");
    assert!(!s.limit_sessions("a", 0, at(1)));
    s.back_off("a", Backoff { until: at(60), trouble: Trouble::Relay, early: None }, 1);
    s.recover("a");
    assert_eq!(s.startable(at(60), |_| 2), ["a"], "it was down");
}
