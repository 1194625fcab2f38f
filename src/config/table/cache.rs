//! The tables of a process that takes in many messages: read once, and again where their
//! files have changed.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{RwLock, RwLockReadGuard};

use crate::config::table::{ArrivalTables, LeavingTables};
use crate::config::{Config, Rewriting};

/// How often a file that is being written is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Those of the way out, and those of arrival from the first message on that comes in. Whoever needs both locks those of arrival
/// first.
#[derive(Debug)]
pub struct KeptTables {
    leaving: RwLock<LeavingTables>,
    arrival: OnceLock<RwLock<ArrivalTables>>,
}

impl KeptTables {
    /// Loads what the config names.
    #[must_use]
    pub fn load(config: &Config) -> Self {
        Self { leaving: RwLock::new(LeavingTables::load(config)), arrival: OnceLock::new() }
    }

    /// The tables of the way out.
    pub fn leaving(&self) -> RwLockReadGuard<'_, LeavingTables> {
        self.leaving.read()
    }

    /// The tables of arrival, as they were when somebody last looked.
    pub fn arrival(&self, rewriting: &Rewriting) -> RwLockReadGuard<'_, ArrivalTables> {
        self.arriving(rewriting).read()
    }

    /// Looks again at the files that changed.
    pub fn refresh(&self) {
        if let Some(arrival) = self.arrival.get() {
            arrival.write().refresh();
        }
        self.leaving.write().refresh();
    }

    /// Looks again at all files that changed; one that was written a moment ago is waited for, two seconds at most, as when
    /// it is loaded.
    pub fn renew(&self, rewriting: &Rewriting) {
        let (arrival, begun) = (self.arriving(rewriting), Instant::now());
        while self.settles_in(arrival).is_some_and(|wait| begun.elapsed() < wait) {
            thread::sleep(GLANCE);
        }
    }

    fn settles_in(&self, arrival: &RwLock<ArrivalTables>) -> Option<Duration> {
        let (mut arrival, mut leaving) = (arrival.write(), self.leaving.write());
        arrival.refresh();
        leaving.refresh();
        arrival.settles_in().max(leaving.settles_in())
    }

    fn arriving(&self, rewriting: &Rewriting) -> &RwLock<ArrivalTables> {
        self.arrival.get_or_init(|| RwLock::new(ArrivalTables::load(rewriting)))
    }
}

#[cfg(test)]
mod tests;
