//! Random numbers that can be repeated, for tests under load.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Random enough for choosing moments (xorshift64*), and repeatable.
pub struct Random(u64);

impl From<u64> for Random {
    fn from(seed: u64) -> Self {
        Self(seed | 1)
    }
}

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    /// A duration below this many microseconds.
    pub fn moment(&mut self, below_micros: u64) -> Duration {
        Duration::from_micros(self.below(below_micros))
    }
}

/// The number that an environment variable holds, if it holds one.
pub fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// From this variable, to repeat a failure; else another each time.
pub fn seed(variable: &str) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    number_from(variable).unwrap_or(u64::from(now.subsec_nanos()))
}
