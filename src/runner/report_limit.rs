//! The reports that each sender got within the hour, over all sessions and over runners that come and go
//! (spool/reports.json). How many are allowed is decided in `rules::report_limit`.

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

/// Counts reports by the address that they go to.
#[derive(Debug)]
pub struct ReportLimit {
    spool: Spool,
    clock: Arc<Clock>,
    /// None before the file is read: most runners send no reports.
    hours: Mutex<Option<BTreeMap<String, Hour>>>,
}

impl ReportLimit {
    /// Goes on from what the last runner counted.
    #[must_use]
    pub fn new(spool: Spool, clock: Arc<Clock>) -> Self {
        Self { spool, clock, hours: Mutex::default() }
    }

    /// Counts a report to this address, of which `most` may go out by themselves within an hour. Beyond that it
    /// returns how long until the digest.
    pub fn take(&self, most: u32, to: &Address) -> Result<(), Duration> {
        self.take_of(most, key(to))
    }

    /// The same for notices of another kind, by the name of what they are counted for.
    pub fn take_of(&self, most: u32, key: String) -> Result<(), Duration> {
        self.with(|hours| {
            // Read under the lock: another session may have begun an hour just now, which must not lie in the future.
            let now = self.clock.now();
            hours.retain(|_, hour| !hour.left(now).is_zero());
            let hour = hours.entry(key).or_insert_with(|| Hour::begin(now));
            let taken = hour.take(most, now);
            if let Err(error) = state_file::write(&self.spool, NAME, hours) {
                log::warning(error);
            }
            taken
        })
    }

    /// How long until the digest to this address is sent.
    pub fn left(&self, to: &Address) -> Duration {
        self.with(|hours| hours.get(&key(to)).map_or(Duration::ZERO, |hour| hour.left(self.clock.now())))
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Hour>) -> T) -> T {
        let mut hours = self.hours.lock();
        act(hours.get_or_insert_with(|| state_file::read(&self.spool, NAME).unwrap_or_default()))
    }
}

fn key(to: &Address) -> String {
    to.to_string().to_lowercase()
}
