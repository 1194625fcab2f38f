//! Times as people write them.

use super::*;
use proptest::prelude::*;

#[test]
fn times_are_read_as_people_write_them() {
    let table = [
        ("try again in 300 seconds", Some(300)),
        ("please retry in 24 hours.", Some(86_400)),
        ("greylisted for 5 minutes", Some(300)),
        ("come back in 00:04:58", Some(298)),
        ("again after 15 minutes", Some(900)),
        ("wait an hour", Some(3600)),
        ("in about 10 min", Some(600)),
        ("relay quota will reset in 1.53 hours.", Some(5508)),
        ("in the next hour", Some(3600)),
        ("retry after 90s", Some(90)),
        ("in 1h", Some(3600)),
        ("try tomorrow", Some(86_400)),
        ("in 3 days", Some(86_400)),
        ("in 99999999999999999999999999 hours", Some(86_400)),
        ("in 2 heures", Some(7200)),
        ("versuchen sie es in 30 minuten", Some(1800)),
        ("in 0 seconds", None),
        ("in 10 messages", None),
        ("in 5 m", None),
        ("in the last 24 hours", None),
        ("begin 5 minutes", None),
        ("", None),
    ];
    for (text, seconds) in table {
        assert_eq!(named(text).map(|wait| wait.as_secs()), seconds, "{text}");
    }
}

#[test]
fn a_limit_implies_its_period() {
    let table = [
        ("daily user sending limit exceeded", Some(86_400)),
        ("exceeded its 24-hour sending limit", Some(86_400)),
        ("monthly quota", Some(86_400)),
        ("max emails per hour (201/200 (100%))", Some(3600)),
        ("limited to 100 messages / hour", Some(3600)),
        ("too many emails per second", Some(1)),
        ("your mail limit has been reached", None),
    ];
    for (text, seconds) in table {
        assert_eq!(period(text).map(|wait| wait.as_secs()), seconds, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_or_wait_for_long(text in "[ a-z0-9:.秒分é-]{0,200}") {
        prop_assert!(named(&text).is_none_or(|wait| wait <= LONGEST));
        prop_assert!(period(&text).is_none_or(|wait| wait <= LONGEST));
        if let Some((wait, length)) = at_start(&text) {
            prop_assert!(wait <= LONGEST && text.is_char_boundary(length));
        }
    }
}
