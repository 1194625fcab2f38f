//! Waiting until an account may begin another message (`max_per_minute`), over all of
//! its sessions. When that is, is decided in `rules::pace`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::durability::DurabilityGate;
use crate::config::Account;
use crate::rules::rate_limit::Pace;

/// How soon a wait ends when the runner is to end.
const GLANCE: Duration = Duration::from_millis(100);

/// The paces of all accounts.
#[derive(Debug, Default)]
pub struct RateLimiter(Mutex<HashMap<String, Pace>>);

/// Whether the message may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Yours,
    /// The runner is to end first.
    Over,
}

impl RateLimiter {
    /// Waits for the account's turn.
    #[must_use]
    pub fn wait(&self, account: &Account, safety: &DurabilityGate) -> Turn {
        let Some(most) = account.max_per_minute else { return Turn::Yours };
        loop {
            if safety.is_stopping() {
                return Turn::Over;
            }
            let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let begun = paces.entry(account.name.clone()).or_default().begin(most, Instant::now());
            drop(paces);
            match begun {
                Ok(()) => return Turn::Yours,
                Err(wait) => std::thread::sleep(wait.min(GLANCE)),
            }
        }
    }
}
