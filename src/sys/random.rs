//! Random numbers where nothing secret depends on them: jitter, and ids that must not meet.

use rustix::rand::{GetRandomFlags, getrandom};

/// Uniform in 0..=1. The middle where the kernel has no randomness yet, early in a boot: waiting for it would stop
/// the mail.
#[must_use]
pub fn chance() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(4) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        _ => 0.5,
    }
}
