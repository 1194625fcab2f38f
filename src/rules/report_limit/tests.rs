//! Unit tests of `rules::report_limit`.

use super::*;

#[test]
fn what_is_over_the_limit_waits_for_the_end_of_the_hour() {
    let start: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    let at = |minutes| start + jiff::SignedDuration::from_mins(minutes);
    let mut hour = Hour::begin(start);
    assert_eq!(hour.take(2, at(0)), Ok(()));
    assert_eq!(hour.take(2, at(10)), Ok(()));
    assert_eq!(hour.take(2, at(20)), Err(Duration::from_mins(40)));
    assert_eq!(hour.take(3, at(30)), Ok(()), "a limit that was raised counts at once");
    assert_eq!(hour.take(2, at(60)), Ok(()), "a new hour");
    assert_eq!(hour.left(at(60)), HOUR);
    assert_eq!(hour.left(at(0)), Duration::ZERO, "a clock that went back leaves nobody waiting");
    assert_eq!(hour.take(2, at(0)), Ok(()));
}
