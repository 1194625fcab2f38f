//! Unit tests of `config::secret::keyring`.

use super::*;

#[test]
fn work_that_takes_too_long_is_left_to_itself() {
    let (release, gate) = sync_channel::<()>(0);
    let waits = move || gate.recv().is_ok();
    assert_eq!(within(Duration::from_millis(20), waits), None);
    drop(release);
    assert_eq!(within(PATIENCE, || 7), Some(7));
}
