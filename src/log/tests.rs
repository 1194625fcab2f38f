//! Unit tests of `log`.

use super::*;

#[test]
fn seconds_read_like_postfixs() {
    for (millis, text) in [(0, "0"), (60, "0.06"), (1234, "1.2"), (2000, "2"), (45_600, "46"), (123_400, "123")] {
        assert_eq!(seconds(Duration::from_millis(millis)), text);
    }
}
