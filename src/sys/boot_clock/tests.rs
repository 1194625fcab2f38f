//! Unit tests of `sys::boot_clock`.

use super::*;

#[test]
fn a_timer_expires_after_the_time_that_was_set_last() {
    let timer = BootTimer::new().unwrap();
    let begun = since_boot();
    timer.set(Duration::from_hours(1)).unwrap();
    timer.set(Duration::from_millis(20)).unwrap();
    timer.wait().unwrap();
    assert!(since_boot() >= begun + Duration::from_millis(20));
    timer.set(Duration::ZERO).unwrap();
    timer.wait().unwrap();
}
