//! Unit tests of `spool::clock`.

use super::*;

const HOUR: Duration = Duration::from_hours(1);
const YEARS: i64 = 50 * 365 * 86_400;

fn at(hours: i64) -> Timestamp {
    "2027-05-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

fn moved(at: Timestamp, seconds: i64) -> Timestamp {
    at + SignedDuration::from_secs(seconds)
}

#[test]
fn a_wall_clock_that_jumps_makes_nothing_old() {
    for jump in [YEARS, 5 * 3600, 0, -5 * 3600, -YEARS] {
        let wall = moved(at(3), jump);
        // Stored before the jump, three hours ago.
        let expected = if (0..=-jump).contains(&(3 * 3600)) || jump == 0 { 3 * HOUR } else { age(at(0), at(3), at(3)) };
        assert_eq!(age(at(0), wall, at(3)), expected, "before a jump of {jump} s");
        // Stored after it, an hour ago.
        let stamp = moved(at(2), jump);
        let expected = if stamp < BUILT { Duration::ZERO } else { HOUR };
        assert_eq!(age(stamp, wall, at(3)), expected, "after a jump of {jump} s");
    }
    assert_eq!(age(Timestamp::UNIX_EPOCH, at(0), at(0)), Duration::ZERO, "a stamp of a board without a clock");
}

#[test]
fn the_next_runner_of_this_boot_goes_on_and_that_of_another_trusts_the_wall() {
    let kept = Reading { boot: "a".into(), since_boot: 1000, queue: at(0), counted: 5000 };
    let clock = |boot: &str, wall| Clock::from(Some(&kept), boot.into(), Duration::from_secs(3601), wall);
    assert_eq!(clock("a", moved(at(0), YEARS)).base, at(1));
    assert_eq!(clock("a", at(0)).counted, Duration::from_secs(3605));
    assert_eq!(clock("b", at(48)).base, at(48));
    assert_eq!(clock("b", at(48)).counted, Duration::from_secs(5), "nobody knows how long the machine was off");
    assert_eq!(clock("b", Timestamp::UNIX_EPOCH).base, at(0), "time does not go back");
    assert_eq!(Clock::from(None, String::new(), Duration::ZERO, Timestamp::UNIX_EPOCH).base, BUILT);
}
