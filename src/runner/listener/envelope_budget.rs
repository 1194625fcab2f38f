//! Limits the envelopes that all connections together hold in memory. A recipient of twenty bytes costs about thirty
//! times as much until its message is stored, so the limits of a single submitter would allow too much if many used
//! them at once. `submitter_limits` has the limits per client.
//!
//! The budget is taken after the envelope's length was read and before the envelope is, and kept until the message is
//! stored: that is exactly how long its recipients are in memory. The wait is bounded by the caller's patience, which
//! must be below the front end's, or the client would give up first and submit the same message through drop/.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Bytes in memory at once, in total and per user. A longer envelope counts as its user's whole share: it is read
/// when nothing else of its user is.
const ALTOGETHER: u64 = 1 << 20;
/// A quarter each: one user with a very large list leaves room for three others at any time.
const ONE_USER: u64 = ALTOGETHER / 4;

/// Envelopes up to this size are not counted: even one per connection takes little memory.
const SMALL: u64 = 8 << 10;

/// The envelopes in memory.
#[derive(Debug, Default)]
pub struct EnvelopeBudget {
    /// Bytes per user.
    used: Mutex<HashMap<u32, u64>>,
    released: Condvar,
}

/// The share of one envelope. Dropping it returns the share.
#[derive(Debug)]
pub struct EnvelopeShare<'a> {
    budget: &'a EnvelopeBudget,
    uid: u32,
    octets: u64,
}

impl EnvelopeBudget {
    /// Waits until an envelope of this length may be read. `None` if that takes longer than `patience`.
    pub fn wait_for_share(&self, uid: u32, length: u64, patience: Duration) -> Option<EnvelopeShare<'_>> {
        // Without the cap, an envelope longer than the share could never be read, whatever else is in memory.
        let octets = if length <= SMALL { 0 } else { length.min(ONE_USER) };
        let is_full = |used: &mut HashMap<u32, u64>| {
            let own = used.get(&uid).copied().unwrap_or_default();
            let others: u64 = used.iter().filter(|(user, _)| **user != uid).map(|(_, octets)| octets).sum();
            // Other users never make root wait.
            own + octets > ONE_USER || (uid != 0 && own + others + octets > ALTOGETHER)
        };
        let must_wait = |used: &mut HashMap<u32, u64>| octets > 0 && is_full(used);
        let mut used = self.used.lock();
        self.released.wait_while_for(&mut used, must_wait, patience);
        // The wait ends by timeout too, so the condition decides and not how the wait ended. A share that was freed at
        // the last moment is still used.
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
    /// Whether the envelope is large enough to be counted.
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
        // Unlocked first, or every thread that is woken would at once wait for this lock.
        drop(used);
        self.budget.released.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
