//! Random numbers on which no secret depends: for jitter and unique ids.

use rustix::rand::{GetRandomFlags, getrandom};

/// A uniform number in 0..=1. If the kernel has no randomness yet, early in the boot, this returns 0.5, because
/// waiting would delay mail.
#[must_use]
pub fn chance() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(4) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        _ => 0.5,
    }
}
