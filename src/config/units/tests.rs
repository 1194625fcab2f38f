//! Unit tests of `config::units`.

use super::*;
use proptest::prelude::*;

#[test]
fn durations_are_read_as_people_write_them() {
    for (text, seconds) in [
        ("0s", 0),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5_400),
        ("1h 30m", 5_400),
        ("5d", 432_000),
        ("2w", 1_209_600),
        ("1W2D3H4M5S", 788_645),
        (" 1 h ", 3_600),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn what_is_no_duration_says_why() {
    for (text, error) in [
        ("", UnitError::Empty),
        ("300", UnitError::NoUnit),
        ("1h30", UnitError::NoUnit),
        ("h", UnitError::NoNumber),
        ("-5m", UnitError::NoNumber),
        ("1.5h", UnitError::NoUnit),
        ("5y", UnitError::UnknownTime),
        ("5min", UnitError::UnknownTime),
        ("30m1h", UnitError::Order),
        ("1m1m", UnitError::Order),
        ("99999999999999999999s", UnitError::TooLarge),
        ("99999999999999w", UnitError::TooLarge),
    ] {
        assert_eq!(duration(text), Err(error), "{text}");
    }
}

#[test]
fn sizes_have_decimal_and_binary_units() {
    for (text, octets) in [
        ("0", 0),
        ("52428800", 52_428_800),
        ("50MB", 50_000_000),
        ("50 mb", 50_000_000),
        ("64MiB", 67_108_864),
        ("1kB", 1_000),
        ("1KiB", 1_024),
        ("2GB", 2_000_000_000),
        ("1TiB", 1_099_511_627_776),
        ("7B", 7),
    ] {
        assert_eq!(size(text), Ok(octets), "{text}");
    }
    for (text, error) in [
        ("", UnitError::Empty),
        ("MB", UnitError::NoNumber),
        ("-1", UnitError::NoNumber),
        ("50M", UnitError::UnknownSize),
        ("1.5GB", UnitError::UnknownSize),
        ("99999999TB", UnitError::TooLarge),
    ] {
        assert_eq!(size(text), Err(error), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".*") {
        let _ = duration(&text);
        let _ = size(&text);
    }
}

#[test]
fn durations_are_said_in_the_unit_that_they_fill() {
    for (seconds, words) in [(0, "0 s"), (90, "90 s"), (120, "2 min"), (7199, "119 min"), (86_400, "24 h")] {
        assert_eq!(in_words(Duration::from_secs(seconds)), words);
    }
}
