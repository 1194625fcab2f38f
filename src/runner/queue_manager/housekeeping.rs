//! What a runner does once an hour (storing the clock and checking the reserve) and once a day (removing old files
//! from history/ and failed/).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::control::loaded::Loaded;
use crate::log;
use crate::runner::durability::DurabilityGate;
use crate::spool::history;
use crate::spool::retention::Retention;

const DAY: Duration = Duration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// How long mail that could not be returned is kept in failed/.
const FAILED_KEPT: Duration = Duration::from_hours(90 * 24);

/// When housekeeping last ran.
#[derive(Debug, Default)]
pub(super) struct Housekeeping {
    /// `None` before the first run, which includes the daily part.
    last: Option<Timestamp>,
}

impl Housekeeping {
    /// Runs what is due.
    ///
    /// The interval is measured in queue time. Setting the wall clock neither skips a run nor causes a thousand.
    pub(super) fn run(&mut self, now: Timestamp, loaded: &Loaded, gate: &DurabilityGate) {
        if self.last.is_some_and(|last| now.duration_since(last) < HOUR) {
            return;
        }
        let day = |at: Timestamp| at.as_second() / 86_400;
        let is_new_day = self.last.is_none_or(|last| day(now) != day(last));
        self.last = Some(now);
        // A power cut loses at most the hour since the last run from the counted time.
        loaded.clock.keep(&loaded.spool);
        gate.keep_reserve();
        if is_new_day {
            remove_old(loaded);
        }
    }
}

fn remove_old(loaded: &Loaded) {
    let Loaded { spool, clock, config, .. } = loaded;
    let mut retention = Retention::open(spool, clock);
    // A message that was finished by its record alone must be gone from the disk before the record is removed.
    // Unlinking it was not synced, so queue/ is synced first.
    let pruned = spool.sync_queue().and_then(|()| {
        history::prune(spool, |name, end| retention.is_over(format!("history/{name}"), config.queue.history, end))
    });
    if let Err(error) = pruned {
        log::warning(error);
    }
    match spool.age_out(|name, written| retention.is_over(format!("failed/{name}"), FAILED_KEPT, written)) {
        Ok(gone) => gone.iter().for_each(|name| log::aged_out(name, FAILED_KEPT.as_secs() / DAY.as_secs())),
        Err(error) => log::warning(error),
    }
    retention.close(spool);
}
