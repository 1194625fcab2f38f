//! The reports that each sender got within the hour, over all sessions and over runners
//! that come and go (spool/reports.json). How many are allowed is decided in
//! `rules::allowance`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::context::Settings;
use crate::log;
use crate::mail::address::Address;
use crate::rules::report_limit::Hour;
use crate::spool::state_file;

const NAME: &str = "reports.json";

/// By address, of those who got a report within the hour; none where the file was not read yet.
#[derive(Debug, Default)]
pub struct Allowance(Mutex<Option<BTreeMap<String, Hour>>>);

impl Allowance {
    /// Counts a report to this address, if it may go out by itself; else how long until a digest.
    pub fn take(&self, settings: &Settings, to: &Address) -> Result<(), Duration> {
        self.with(settings, |hours| {
            // Not before: an hour that another session has begun meanwhile would lie ahead, and count for nothing.
            let now = settings.clock.now();
            hours.retain(|_, hour| !hour.left(now).is_zero());
            let hour = hours.entry(key(to)).or_insert_with(|| Hour::begin(now));
            let taken = hour.take(settings.config.queue.reports_per_hour, now);
            if let Err(error) = state_file::write(&settings.spool, NAME, hours) {
                log::warning(error);
            }
            taken
        })
    }

    /// How long until what is gathered for this address goes out.
    pub fn left(&self, settings: &Settings, to: &Address) -> Duration {
        self.with(settings, |hours| {
            let now: Timestamp = settings.clock.now();
            hours.get(&key(to)).map_or(Duration::ZERO, |hour| hour.left(now))
        })
    }

    fn with<T>(&self, settings: &Settings, act: impl FnOnce(&mut BTreeMap<String, Hour>) -> T) -> T {
        let mut hours = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(hours.get_or_insert_with(|| state_file::read(&settings.spool, NAME).unwrap_or_default()))
    }
}

fn key(to: &Address) -> String {
    to.to_string().to_lowercase()
}
