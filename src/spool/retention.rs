//! Decides when a file of history/ or failed/ has been kept long enough.
//!
//! A wrong wall clock must not delete anything, not even one that is already wrong at boot. So each file is also
//! timed by the boot clock, from the moment a runner first sees it, and only time during which the machine is up
//! counts. The caller decides which files these are.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::Clock;
use super::state_file;
use crate::log;
use crate::spool::Spool;

const NAME: &str = "kept.json";
const DAY: Duration = Duration::from_hours(24);

/// What runners know about the files.
#[derive(Debug)]
pub struct Retention {
    before: BTreeMap<String, u64>,
    /// By file: the seconds counted so far when a runner first saw it.
    seen: BTreeMap<String, u64>,
    counted: u64,
    uptime: Duration,
    now: Timestamp,
}

impl Retention {
    /// Continues where the last runner stopped.
    #[must_use]
    pub fn open(spool: &Spool, clock: &Clock) -> Self {
        let before = state_file::read(spool, NAME).unwrap_or_default();
        let (counted, uptime, now) = (clock.counted().as_secs(), clock.uptime(), clock.earliest());
        Self { before, seen: BTreeMap::new(), counted, uptime, now }
    }

    /// Whether a file from time `from` has been kept for `lifetime`. Files that nobody asks about are forgotten.
    pub fn is_over(&mut self, file: String, lifetime: Duration, from: Timestamp) -> bool {
        let age = Duration::try_from(self.now.duration_since(from)).unwrap_or_default();
        let seen = self.before.get(&file).copied().unwrap_or(self.counted);
        let counted = Duration::from_secs(self.counted.saturating_sub(seen));
        // On the first day of a boot the clock may not be set yet. A machine that is switched off every evening never
        // reaches a second day, so after twice the lifetime the file is deleted anyway.
        let is_settled = self.uptime >= DAY || counted >= lifetime.saturating_mul(2);
        let is_over = age >= lifetime && counted >= lifetime && is_settled;
        if !is_over {
            self.seen.insert(file, seen);
        }
        is_over
    }

    /// Stores the state for the next runner.
    pub fn close(self, spool: &Spool) {
        if self.seen != self.before
            && let Err(error) = state_file::write(spool, NAME, &self.seen)
        {
            log::warning(error);
        }
    }
}

#[cfg(test)]
mod tests;
