//! Unit tests of `spool::id`.

use super::*;

#[test]
fn ids_sort_by_time_and_are_read_strictly() {
    let (early, late) = (MessageId::new(1_795_000_000_000_000, 0xFFF), MessageId::new(1_795_000_000_000_001, 0));
    assert!(early < late);
    assert_eq!(MessageId::parse(early.as_str()), Some(early.clone()));
    assert_eq!(early.next(), late);
    assert_eq!(late.next(), MessageId::new(1_795_000_000_000_001, 1));
    assert_eq!(early.micros(), 1_795_000_000_000_000);
    for bad in ["", "../../etc/passwd", "00000000000000ab", "00000000000000000", "ID.journal"] {
        assert_eq!(MessageId::parse(bad), None, "{bad}");
        assert!(serde_json::from_value::<MessageId>(bad.into()).is_err());
    }
}
