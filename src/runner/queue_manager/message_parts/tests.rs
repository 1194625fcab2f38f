//! Unit tests of `runner::queue_manager::message_parts`.
#![allow(clippy::unwrap_used)]

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn first(here: i64, away: i64, until: &[(&str, i64)]) -> (String, Timestamp) {
    let parts = Parts { here: at(here), away: at(away), account: "isp".to_owned() };
    let until = |account: &str| until.iter().find(|(name, _)| *name == account).map(|(_, until)| at(*until));
    let (account, due) = parts.first(until);
    (account.to_owned(), due)
}

#[test]
fn the_part_that_can_go_first_does_and_the_mailboxes_do_if_both_can() {
    for (here, away, until, expected) in [
        (0, 0, &[][..], (LOCAL_ACCOUNT, 0)),
        (60, 0, &[], ("isp", 0)),
        (0, 60, &[], (LOCAL_ACCOUNT, 0)),
        (0, 0, &[("isp", 300)], (LOCAL_ACCOUNT, 0)),
        (60, 0, &[("isp", 300)], (LOCAL_ACCOUNT, 60)),
        (0, 60, &[(LOCAL_ACCOUNT, 300)], ("isp", 60)),
        (0, 0, &[(LOCAL_ACCOUNT, 300), ("isp", 200)], ("isp", 0)),
    ] {
        let (account, due) = expected;
        assert_eq!(first(here, away, until), (account.to_owned(), at(due)), "{here} {away} {until:?}");
    }
}
