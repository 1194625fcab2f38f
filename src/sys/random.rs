//! Random numbers of the kernel: a jitter, and bytes for ids, tokens and passwords.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// Fills up to 256 bytes, which the kernel gives at once. Early in the boot this waits until it has randomness.
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    let length = bytes.len();
    let drawn = getrandom(bytes, GetRandomFlags::empty())?;
    debug_assert!(drawn == length && drawn <= 256, "the kernel gives up to 256 bytes at once");
    Ok(())
}

/// A uniform number in 0..=1, on which no secret may depend. If the kernel has no randomness yet, early in the boot, this
/// returns 0.5, because waiting would delay mail.
#[must_use]
pub fn chance() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(4) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        _ => 0.5,
    }
}
