//! Unit tests of `rules::rate_limit`.

use super::*;

#[test]
fn no_minute_sees_more_than_the_limit() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut pace = Pace::default();
    assert_eq!(pace.begin(2, at(0)), Ok(()));
    assert_eq!(pace.begin(2, at(10)), Ok(()));
    assert_eq!(pace.begin(2, at(20)), Err(Duration::from_secs(40)));
    assert_eq!(pace.begin(2, at(60)), Ok(()));
    assert_eq!(pace.begin(2, at(61)), Err(Duration::from_secs(9)));
    assert_eq!(pace.begin(9, at(61)), Ok(()), "a limit that was raised counts at once");
    assert_eq!(pace.begin(1, at(62)), Err(Duration::from_secs(59)), "and one that was lowered");
}
