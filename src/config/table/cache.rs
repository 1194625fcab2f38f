//! The tables of a process that takes in many messages: read once, and again where their
//! files have changed.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{RwLock, RwLockReadGuard};

use crate::config::table::{ArrivalTables, TableSet};
use crate::config::{Config, Rewriting};

/// How often a file that is being written is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Those of the way out, and those of arrival from the first message on that comes in.
#[derive(Debug)]
pub struct KeptTables {
    generic: RwLock<TableSet>,
    arrival: OnceLock<RwLock<ArrivalTables>>,
}

impl KeptTables {
    /// Loads what the config names.
    #[must_use]
    pub fn load(config: &Config) -> Self {
        Self { generic: RwLock::new(TableSet::load("generic", &config.generic)), arrival: OnceLock::new() }
    }

    /// The tables of the way out.
    pub fn generic(&self) -> RwLockReadGuard<'_, TableSet> {
        self.generic.read()
    }

    /// The tables of arrival, as they were when somebody last looked.
    pub fn arrival(&self, rewriting: &Rewriting) -> RwLockReadGuard<'_, ArrivalTables> {
        self.arriving(rewriting).read()
    }

    /// Looks again at the files of the way out, where they changed.
    pub fn refresh_generic(&self) {
        self.generic.write().refresh();
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
        let (mut arrival, mut generic) = (arrival.write(), self.generic.write());
        arrival.refresh();
        generic.refresh();
        arrival.settles_in().max(generic.settles_in())
    }

    fn arriving(&self, rewriting: &Rewriting) -> &RwLock<ArrivalTables> {
        self.arrival.get_or_init(|| RwLock::new(ArrivalTables::load(rewriting)))
    }
}

#[cfg(test)]
mod tests;
