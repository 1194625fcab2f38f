//! When something is announced, and how often.

use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn condition(kind: &str, subject: &str) -> Condition {
    let (text, cure) = (format!("{kind} of {subject}"), "mend it".to_owned());
    Condition { kind: kind.into(), account: None, subject: Some(subject.into()), count: None, since: at(0), text, cure }
}

/// A look at this minute by which everything that is due is announced: phase and text of each.
fn look(state: &mut AlarmState, found: &[Condition], minute: i64) -> Vec<(Phase, String)> {
    advance(state, found, at(minute));
    let due = due(state, &[Channel::Url], at(minute));
    for one in &due {
        sent(state, one);
    }
    due.into_iter().map(|one| (one.phase, one.condition.text)).collect()
}

#[test]
fn one_alarm_when_it_begins_and_one_when_it_is_over() {
    let (mut state, isp) = (AlarmState::default(), condition("account", "isp"));
    assert_eq!(look(&mut state, &[], 0), []);
    assert_eq!(look(&mut state, std::slice::from_ref(&isp), 1), [(Phase::Raised, isp.text.clone())]);
    assert_eq!(look(&mut state, &[Condition { count: Some(7), ..isp.clone() }], 2), []);
    assert_eq!(look(&mut state, &[], 3), [(Phase::Over, isp.text.clone())]);
    assert_eq!(look(&mut state, &[], 4), []);
    assert_eq!(look(&mut state, &[], 70), []);
    assert_eq!(state, AlarmState::default());
}

#[test]
fn trouble_that_comes_and_goes_is_announced_once_an_hour() {
    let (mut state, isp) = (AlarmState::default(), [condition("account", "isp")]);
    let mut announced = 0;
    for minute in 0..600 {
        let found: &[Condition] = if minute % 2 == 0 { &isp } else { &[] };
        announced += look(&mut state, found, minute).len();
    }
    assert!((18..=22).contains(&announced), "{announced}");
}

#[test]
fn trouble_that_nobody_was_told_of_ends_without_a_word() {
    let (mut state, isp) = (AlarmState::default(), [condition("account", "isp")]);
    advance(&mut state, &isp, at(0));
    state.retry.next = Some(at(5));
    assert_eq!(due(&state, &[Channel::Url], at(1)), []);
    assert_eq!(due(&state, &[Channel::Url, Channel::Command], at(1)).len(), 1);
    assert_eq!(look(&mut state, &[], 6), []);
    assert!(state.outages.is_empty());
}

#[test]
fn what_is_out_of_sight_is_not_over() {
    let (mut state, isp) = (AlarmState::default(), condition("account", "isp"));
    look(&mut state, std::slice::from_ref(&isp), 0);
    for kind in ["config", "unknown"] {
        let blind = condition(kind, "x");
        assert_eq!(look(&mut state, std::slice::from_ref(&blind), 1), [(Phase::Raised, blind.text)]);
    }
    assert_eq!(look(&mut state, &[isp], 2).len(), 2);
}

#[test]
fn many_at_once_are_few_announcements() {
    let mut state = AlarmState::default();
    let many: Vec<Condition> = (0..50).map(|n| condition("listener", &format!("l{n:02}"))).collect();
    let said = look(&mut state, &many, 0);
    assert_eq!((said.len(), said.last().unwrap().1.as_str()), (8, "43 further conditions"));
    assert_eq!(look(&mut state, &many, 1), []);
    assert_eq!(look(&mut state, &[], 2).len(), 8);
}
