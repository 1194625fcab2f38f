//! How many messages an account may begin in a minute: when the next may be. Pure; the
//! clock and the waiting are the runner's.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The span that the limit is for.
const MINUTE: Duration = Duration::from_mins(1);

/// When an account's messages of the last minute were begun.
#[derive(Debug, Default)]
pub struct Pace {
    begun: VecDeque<Instant>,
}

impl Pace {
    /// Begins a message now, if the limit allows it; else how long until it may be begun.
    pub fn begin(&mut self, most: usize, now: Instant) -> Result<(), Duration> {
        while self.begun.front().is_some_and(|begun| now.saturating_duration_since(*begun) >= MINUTE) {
            self.begun.pop_front();
        }
        if self.begun.len() < most {
            self.begun.push_back(now);
            return Ok(());
        }
        // The oldest of the last `most` must be a minute old.
        let oldest = self.begun.get(self.begun.len() - most.max(1)).copied().unwrap_or(now);
        Err(MINUTE.saturating_sub(now.saturating_duration_since(oldest)))
    }
}

#[cfg(test)]
mod tests;
