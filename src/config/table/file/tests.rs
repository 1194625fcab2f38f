//! Unit tests of `config::table::file`.
#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn a_version_settles_by_age_or_by_being_watched() {
    let dir = tempfile::tempdir().unwrap();
    let stamp = Stamp::of(&fs::metadata(dir.path()).unwrap());
    let mut table = FileTable::load(Path::new("/no/such/table"), Format::Text);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let start = Instant::now();
    assert!(table.has_settled(stamp, seconds(2), start).is_ok());
    let left = |result| match result {
        Err(Refusal::Unsettled(left)) => left,
        _ => Duration::ZERO,
    };
    assert_eq!(left(table.has_settled(stamp, seconds(1), start)), Duration::from_secs(1));
    // From the future: only watching helps.
    let second = start + Duration::from_secs(1);
    assert_eq!(left(table.has_settled(stamp, None, second)), Duration::from_secs(1));
    let other = Stamp { size: stamp.size + 1, ..stamp };
    assert_eq!(left(table.has_settled(other, None, second)), SETTLED);
    assert!(table.has_settled(other, None, second + SETTLED).is_ok());
}
