//! Unit tests of `cli::sendmail::option_values`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say so")]

use super::*;
use crate::mail::address::{Mailbox, ReversePath};
use crate::spool::{MessageId, Recipient};

fn envelope() -> Envelope {
    let recipients = vec![Recipient::new(Mailbox::read("bob@Away.example"), "bob".to_owned())];
    let id = MessageId::new(0x1234_5678, 0xABC);
    Envelope::mail(id, jiff::Timestamp::UNIX_EPOCH, ReversePath::Null, recipients)
}

fn passes(value: &str) -> bool {
    match run_queue(value.as_bytes()).unwrap() {
        RunQueue::Now(tests) => tests.iter().all(|test| test.passes(&Parts::from(&envelope()))),
        RunQueue::Periodically => unreachable!("{value} selects"),
    }
}

#[test]
fn the_queue_is_selected_by_parts() {
    for (value, expected) in [
        ("", true),
        ("f", true),
        ("Gmain", true),
        ("Raway.EXAMPLE", true),
        ("Rother", false),
        ("!Rother", true),
        ("!Raway", false),
        ("Sbob", false),
        ("S", true),
        ("Iabc", true),
        ("I0000", true),
        ("IF00D", false),
        ("Qspam", false),
    ] {
        assert_eq!(passes(value), expected, "-q{value}");
    }
    for interval in ["30m", "1h30m", "15", "p5m"] {
        assert_eq!(run_queue(interval.as_bytes()), Some(RunQueue::Periodically), "-q{interval}");
    }
    assert_eq!((run_queue(b"X"), run_queue(b"!"), run_queue(b"!30m")), (None, None, None));
}

#[test]
fn settings_have_two_spellings() {
    for (short, named, setting) in [
        ("i", "IgnoreDots", Setting::LoneDotIsText),
        ("iTrue", "ignoredots=true", Setting::LoneDotIsText),
        ("if", "IgnoreDots=False", Setting::Other),
        ("di", "DeliveryMode=interactive", Setting::Attempt(Attempt::AtOnce)),
        ("db", "DeliveryMode=b", Setting::Attempt(Attempt::AsConfigured)),
        ("em", "ErrorMode=m", Setting::Errors(Errors::Mail)),
        ("ex", "ErrorMode=x", Setting::Other),
        ("A/etc/aliases", "AliasFile=/etc/aliases", Setting::Other),
    ] {
        assert_eq!(super::setting(short.as_bytes()), setting, "-o{short}");
        assert_eq!(named_setting(named.as_bytes()), setting, "-O{named}");
    }
}
