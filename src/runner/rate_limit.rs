//! Delays messages to respect `max_per_minute`, over all sessions of an account. `rules::rate_limit` computes the
//! delay.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::durability::{DurabilityGate, Permit};
use crate::config::Account;
use crate::rules::rate_limit::Pace;

/// How often a wait checks whether the runner is stopping.
const GLANCE: Duration = Duration::from_millis(100);

/// What each account started within the last minute.
#[derive(Debug, Default)]
pub struct RateLimiter(Mutex<HashMap<String, Pace>>);

impl RateLimiter {
    /// Waits until the account may start another message, and counts it.
    ///
    /// Sleeping happens without the lock, in short pieces, so that a stop is noticed within `GLANCE`. Several sessions
    /// that wait for the same account may wake together; each asks again, and one of them gets the place.
    #[must_use]
    pub fn wait(&self, account: &Account, gate: &DurabilityGate) -> Permit {
        let Some(most) = account.max_per_minute else { return Permit::Granted };
        loop {
            if gate.is_stopping() {
                return Permit::Stopping;
            }
            let mut paces = self.0.lock();
            let begun = paces.entry(account.name.clone()).or_default().begin(most, Instant::now());
            drop(paces);
            match begun {
                Ok(()) => return Permit::Granted,
                Err(wait) => std::thread::sleep(wait.min(GLANCE)),
            }
        }
    }
}
