//! Waiting until an account may begin another message (`max_per_minute`), over all of its sessions. How long that
//! takes is decided in `rules::rate_limit`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::durability::{DurabilityGate, Permit};
use crate::config::Account;
use crate::rules::rate_limit::Pace;

/// A wait looks this often whether the runner is to end.
const GLANCE: Duration = Duration::from_millis(100);

/// What each account has begun within the last minute.
#[derive(Debug, Default)]
pub struct RateLimiter(Mutex<HashMap<String, Pace>>);

impl RateLimiter {
    /// Waits until the account may begin another message, and counts it as begun.
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
