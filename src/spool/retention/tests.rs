//! What runners have counted decides, and no clock alone.

use super::*;

const LIFETIME: Duration = Duration::from_hours(90 * 24);

fn is_over(age_days: u32, counted_days: u64, uptime: Duration) -> bool {
    let now = "2027-05-01T00:00:00Z".parse::<Timestamp>().unwrap();
    let before = BTreeMap::from([("failed/one".to_owned(), 86_400)]);
    let counted = (counted_days + 1) * 86_400;
    let mut retention = Retention { before, seen: BTreeMap::new(), counted, uptime, now };
    let aged = |days: u32| now - DAY * days;
    assert!(!retention.is_over("failed/new".to_owned(), LIFETIME, aged(1000)), "it was first seen now");
    retention.is_over("failed/one".to_owned(), LIFETIME, aged(age_days))
}

#[test]
fn a_file_goes_when_the_clocks_and_the_time_that_was_counted_say_so() {
    assert!(is_over(90, 90, 2 * DAY));
    assert!(!is_over(139, 89, 2 * DAY), "a clock that is ahead");
    assert!(!is_over(50 * 365, 0, 2 * DAY));
    assert!(!is_over(0, 90, 2 * DAY), "a clock that is behind");
    assert!(!is_over(90, 90, DAY / 2), "the first day of a boot");
    assert!(is_over(180, 180, DAY / 2), "a machine that is never up for a day");
}
