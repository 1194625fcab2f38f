//! Counts the reports that each sender got within an hour, over all sessions and all runners (spool/reports.json).
//! `rules::report_limit` decides how many are allowed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::log;
use crate::mail::address::Address;
use crate::rules::report_limit::Hour;
use crate::spool::clock::Clock;
use crate::spool::{Spool, state_file};

const NAME: &str = "reports.json";

/// Counts reports by recipient address.
#[derive(Debug)]
pub struct ReportLimit {
    spool: Spool,
    clock: Arc<Clock>,
    /// `None` until the file is read, because most runners send no reports.
    hours: Mutex<Option<BTreeMap<String, Hour>>>,
}

impl ReportLimit {
    /// Continues with the counts of the last runner.
    #[must_use]
    pub fn new(spool: Spool, clock: Arc<Clock>) -> Self {
        Self { spool, clock, hours: Mutex::default() }
    }

    /// Counts a report to this address. At most `most` per hour are sent individually; beyond that, the error is the
    /// time until the digest.
    ///
    /// The file is written while the lock is held: two sessions that count at once must not write in the other order.
    /// If it cannot be written, the limit holds in this runner and begins again in the next.
    pub fn take(&self, most: u32, to: &Address) -> Result<(), Duration> {
        self.with(|hours| {
            // Read under the lock: another session may have started an hour just now, and its start must not lie in
            // the future.
            let now = self.clock.now();
            hours.retain(|_, hour| !hour.left(now).is_zero());
            let hour = hours.entry(to.folded()).or_insert_with(|| Hour::begin(now));
            let taken = hour.take(most, now);
            if let Err(error) = state_file::write(&self.spool, NAME, hours) {
                log::warning(error);
            }
            taken
        })
    }

    /// The time until the digest to this address.
    pub fn left(&self, to: &Address) -> Duration {
        self.with(|hours| hours.get(&to.folded()).map_or(Duration::ZERO, |hour| hour.left(self.clock.now())))
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Hour>) -> T) -> T {
        let mut hours = self.hours.lock();
        act(hours.get_or_insert_with(|| state_file::read(&self.spool, NAME).unwrap_or_default()))
    }
}
