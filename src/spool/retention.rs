//! When what is kept for a time, in history/ and failed/, has been kept for long enough. A wall clock that is wrong, also
//! from the start of the machine on, must not delete anything: each file is also timed by the boot clock, from the first
//! time that a runner sees it, and only while the machine is up. Which file it is, is the caller's.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::Clock;
use super::state_file;
use crate::log;
use crate::spool::Spool;

const NAME: &str = "kept.json";
const DAY: Duration = Duration::from_hours(24);

/// What runners have seen of the files that are kept.
#[derive(Debug)]
pub struct Retention {
    before: BTreeMap<String, u64>,
    /// Seconds that runners had counted when they first saw each file.
    seen: BTreeMap<String, u64>,
    counted: u64,
    uptime: Duration,
    now: Timestamp,
}

impl Retention {
    /// As the last runner left it.
    #[must_use]
    pub fn open(spool: &Spool, clock: &Clock) -> Self {
        let before = state_file::read(spool, NAME).unwrap_or_default();
        let (counted, uptime, now) = (clock.counted().as_secs(), clock.uptime(), clock.earliest());
        Self { before, seen: BTreeMap::new(), counted, uptime, now }
    }

    /// Whether the file, which is from that time, has been kept for its lifetime. Files that are not asked about are
    /// forgotten.
    pub fn is_over(&mut self, file: String, lifetime: Duration, from: Timestamp) -> bool {
        let age = Duration::try_from(self.now.duration_since(from)).unwrap_or_default();
        let seen = self.before.get(&file).copied().unwrap_or(self.counted);
        let counted = Duration::from_secs(self.counted.saturating_sub(seen));
        // In the first day the clock may not have been set yet. A machine that is switched off every evening has no
        // second day.
        let is_settled = self.uptime >= DAY || counted >= lifetime.saturating_mul(2);
        let is_over = age >= lifetime && counted >= lifetime && is_settled;
        if !is_over {
            self.seen.insert(file, seen);
        }
        is_over
    }

    /// Leaves it for the next time.
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
