//! Octets of envelope that all connections together may have in memory. A recipient of twenty
//! octets costs some thirty times as much until its message is stored, so that what the limits of
//! one submission allow would be too much for many at once. How many a client may have of other
//! things is in `client_limits`.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Octets in memory at once, and of them one user's. An envelope that is longer counts as so many: it is read when
/// nothing else of its user is.
const ALTOGETHER: u64 = 1 << 20;
const ONE_USER: u64 = ALTOGETHER / 4;

/// An envelope of this length is not counted: as many as there are connections take little memory.
const SMALL: u64 = 8 << 10;

/// The envelopes that are in memory.
#[derive(Debug, Default)]
pub struct EnvelopeBudget {
    /// Octets by user.
    used: Mutex<HashMap<u32, u64>>,
    released: Condvar,
}

/// One envelope's share; given back when dropped.
#[derive(Debug)]
pub struct EnvelopeShare<'a> {
    budget: &'a EnvelopeBudget,
    uid: u32,
    octets: u64,
}

impl EnvelopeBudget {
    /// Waits until an envelope of this length may be read. `None` where that takes too long.
    pub fn wait_for_share(&self, uid: u32, length: u64, patience: Duration) -> Option<EnvelopeShare<'_>> {
        let octets = if length <= SMALL { 0 } else { length.min(ONE_USER) };
        let is_full = |used: &mut HashMap<u32, u64>| {
            let own = used.get(&uid).copied().unwrap_or_default();
            let others: u64 = used.iter().filter(|(user, _)| **user != uid).map(|(_, octets)| octets).sum();
            // Nobody else keeps root waiting.
            own + octets > ONE_USER || (uid != 0 && own + others + octets > ALTOGETHER)
        };
        let must_wait = |used: &mut HashMap<u32, u64>| octets > 0 && is_full(used);
        let mut used = self.used.lock();
        self.released.wait_while_for(&mut used, must_wait, patience);
        if must_wait(&mut used) {
            return None;
        }
        if octets > 0 {
            *used.entry(uid).or_default() += octets;
        }
        Some(EnvelopeShare { budget: self, uid, octets })
    }
}

impl EnvelopeShare<'_> {
    /// Whether the envelope is so long that it counts.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.octets > 0
    }
}

impl Drop for EnvelopeShare<'_> {
    fn drop(&mut self) {
        if self.octets == 0 {
            return;
        }
        let mut used = self.budget.used.lock();
        if let Some(own) = used.get_mut(&self.uid) {
            *own = own.saturating_sub(self.octets);
            if *own == 0 {
                used.remove(&self.uid);
            }
        }
        drop(used);
        self.budget.released.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
