//! The queue's clock: it runs on the boot clock, which no one can set and which counts
//! suspend, so that a wall clock that jumps neither stalls the queue nor makes mail old.
//! Kept in spool/clock, because background runners come and go within one boot.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::state_file;
use super::time::BUILT;
use crate::log;
use crate::spool::Spool;
use crate::sys::boot_clock::{boot_id, since_boot};

const NAME: &str = "clock";

/// One reading, as kept in the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    /// Which boot the boot clock belongs to.
    boot: String,
    /// Milliseconds of the boot clock.
    since_boot: u64,
    /// The queue's time then.
    queue: Timestamp,
    /// Milliseconds that were counted in all boots together, from one reading to the next of the same boot.
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
    /// Goes on where the spool's clock stood, if that was in this boot; else begins with the wall's
    /// time, unless that is before what has been already.
    #[must_use]
    pub fn start(spool: &Spool) -> Self {
        let kept: Option<Reading> = state_file::read(spool, NAME);
        Self::from(kept.as_ref(), boot_id(), since_boot(), Timestamp::now())
    }

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

    /// The queue's time: never goes back, never jumps.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        plus(self.base, since_boot().saturating_sub(self.started))
    }

    /// How old something is that the wall clock stamped: by the wall clock or by the queue's, whichever says
    /// less. A stamp from before this program was built tells nothing, so it has no age.
    #[must_use]
    pub fn age(&self, stamp: Timestamp) -> Duration {
        age(stamp, Timestamp::now(), self.now())
    }

    /// The earlier of the wall's and the queue's time: what is removed because it is old goes by this.
    #[must_use]
    pub fn earliest(&self) -> Timestamp {
        Timestamp::now().min(self.now())
    }

    /// The time that runners have counted on this machine, which no wall clock changes.
    #[must_use]
    pub fn counted(&self) -> Duration {
        self.counted.saturating_add(since_boot().saturating_sub(self.started))
    }

    /// How long this boot has lasted.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        since_boot()
    }

    /// Leaves the reading for the next runner; losing it costs a little exactness.
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
