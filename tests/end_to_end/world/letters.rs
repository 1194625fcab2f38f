//! What load tests share: random numbers that can be repeated, and messages that show
//! whether they are whole.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::provider::Mail;

/// Random enough for choosing moments (xorshift64*), and repeatable.
pub struct Random(u64);

impl From<u64> for Random {
    fn from(seed: u64) -> Self {
        Self(seed | 1)
    }
}

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    pub fn moment(&mut self, below_micros: u64) -> Duration {
        Duration::from_micros(self.below(below_micros))
    }
}

pub fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// From this variable, to repeat a failure; else another each time.
pub fn seed(variable: &str) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    number_from(variable).unwrap_or(u64::from(now.subsec_nanos()))
}

/// A message that shows whether it is whole: numbered lines, and their count at both ends.
pub fn message(name: &str, lines: u64) -> String {
    let body: Vec<String> = (0..lines).map(|at| format!("{name} line {at} of {lines}\n")).collect();
    let body = body.concat();
    format!("Subject: {name}\nX-Lines: {lines}\n\n{body}{name} ends after {lines}\n")
}

/// Whether such a message arrived as it was sent.
pub fn is_whole(mail: &Mail) -> bool {
    let (name, lines) = (mail.field("Subject"), mail.field("X-Lines").parse().unwrap());
    let wanted = message(&name, lines).split_once("\n\n").unwrap().1.replace('\n', "\r\n");
    mail.body() == wanted.as_bytes()
}
