//! The queue's clock. It is based on the boot clock, which nobody can set and which counts time spent suspended, so a
//! jump of the wall clock neither stalls the queue nor makes messages look old.
//!
//! The last reading is kept in spool/clock, because background runners start and end many times within one boot.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::state_file;
use super::time::BUILT;
use crate::log;
use crate::spool::Spool;
use crate::sys::boot_clock::{boot_id, since_boot};

const NAME: &str = "clock";

/// One reading, as stored in the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    /// The boot id that `since_boot` belongs to.
    boot: String,
    /// Milliseconds since that boot.
    since_boot: u64,
    /// The queue's time at that moment.
    queue: Timestamp,
    /// Milliseconds counted over all boots. Only the time between two readings of the same boot counts.
    #[serde(default)]
    counted: u64,
}

/// The queue's clock.
#[derive(Debug)]
pub struct Clock {
    boot: String,
    started: Duration,
    base: Timestamp,
    counted: Duration,
}

impl Clock {
    /// Continues from the stored reading if it is from this boot. Otherwise starts at the wall clock's time, but
    /// never before the stored one.
    #[must_use]
    pub fn start(spool: &Spool) -> Self {
        let kept: Option<Reading> = state_file::read(spool, NAME);
        Self::from(kept.as_ref(), boot_id(), since_boot(), Timestamp::now())
    }

    /// A reading of another boot says nothing about the time that passed since, so the wall clock is believed, but
    /// only forwards. `BUILT` bounds it from below: a machine whose clock has no battery starts in 1970.
    fn from(kept: Option<&Reading>, boot: String, started: Duration, wall: Timestamp) -> Self {
        let counted = Duration::from_millis(kept.map_or(0, |kept| kept.counted));
        let (base, counted) = match kept {
            Some(kept) if kept.boot == boot => {
                let passed = started.saturating_sub(Duration::from_millis(kept.since_boot));
                (plus(kept.queue, passed), counted.saturating_add(passed))
            }
            Some(kept) => (wall.max(kept.queue), counted),
            None => (wall, counted),
        };
        Self { boot, started, base: base.max(BUILT), counted }
    }

    /// The queue's time. It never goes back and never jumps.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        plus(self.base, since_boot().saturating_sub(self.started))
    }

    /// The age of something stamped by the wall clock: by the wall clock or by the queue's, whichever is less. A
    /// stamp from before this program was built is meaningless and has no age.
    ///
    /// The smaller of the two is the safe one. A wall clock that was set ahead makes everything look old, and a queue
    /// clock that started from a wrong wall clock does so as well. Too small an age delays a bounce; too large an age
    /// would cause one.
    #[must_use]
    pub fn age(&self, stamp: Timestamp) -> Duration {
        age(stamp, Timestamp::now(), self.now())
    }

    /// The earlier of wall time and queue time. Whatever is deleted for its age is measured by this, so that a wall
    /// clock set ahead deletes nothing.
    #[must_use]
    pub fn earliest(&self) -> Timestamp {
        Timestamp::now().min(self.now())
    }

    /// The time that runners have counted on this machine, independent of the wall clock.
    #[must_use]
    pub fn counted(&self) -> Duration {
        self.counted.saturating_add(since_boot().saturating_sub(self.started))
    }

    /// The time since boot.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        since_boot()
    }

    /// Stores the reading for the next runner. Losing it costs a little accuracy.
    pub fn keep(&self, spool: &Spool) {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (since_boot, counted) = (milliseconds(since_boot()), milliseconds(self.counted()));
        let reading = Reading { boot: self.boot.clone(), since_boot, queue: self.now(), counted };
        if let Err(error) = state_file::write(spool, NAME, &reading) {
            log::warning(error);
        }
    }
}

fn age(stamp: Timestamp, wall: Timestamp, queue: Timestamp) -> Duration {
    if stamp < BUILT {
        return Duration::ZERO;
    }
    let ages = [wall, queue].map(|now| Duration::try_from(now.duration_since(stamp)).ok());
    ages.into_iter().flatten().min().unwrap_or_default()
}

fn plus(at: Timestamp, wait: Duration) -> Timestamp {
    at.saturating_add(SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX)).unwrap_or(at)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
