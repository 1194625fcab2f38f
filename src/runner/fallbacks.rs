//! Accounts that take the place of others whose relays cannot be reached (`fallback` in postrider.toml(5)): which one does so
//! since when, for `postrider status`, and which are left alone because they need their owner.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::config::Account;
use crate::control::loaded::Loaded;
use crate::spool::account_health;
use crate::spool::learned::{Learned, LearnedOfAccounts, Through};

/// Each further login with what was rejected counts at the provider.
const REST: Duration = Duration::from_hours(1);

/// By account.
#[derive(Debug)]
pub struct Fallbacks {
    learned: Arc<LearnedOfAccounts>,
    /// How many sessions each account has open with a relay of its own.
    own: Mutex<HashMap<String, usize>>,
}

/// A session of an account with a relay of its own, as long as it is open.
#[derive(Debug)]
pub struct OwnSession {
    of: Arc<Fallbacks>,
    account: String,
}

impl Drop for OwnSession {
    fn drop(&mut self) {
        if let Some(open) = self.of.own.lock().get_mut(&self.account) {
            *open = open.saturating_sub(1);
        }
    }
}

impl Fallbacks {
    /// Continues with what is already known.
    #[must_use]
    pub fn new(learned: Arc<LearnedOfAccounts>) -> Self {
        Self { learned, own: Mutex::default() }
    }

    /// Whether a relay of the account serves another of its sessions: one that it does not let in is one too many.
    pub fn is_served(&self, account: &Account) -> bool {
        self.own.lock().get(&account.name).is_some_and(|open| *open > 0)
    }

    /// Whether the account may be asked: it neither waits for its owner nor was it rejected lately.
    pub fn may_be_asked(&self, account: &Account, loaded: &Loaded) -> bool {
        let health = account_health::current(&loaded.spool, Some(&loaded.config));
        let waits = health.get(&account.name).is_some_and(|outage| outage.trouble.is_owners());
        let is_rejected = self.known(account).rejected.is_some_and(|at| loaded.clock.age(at) < REST);
        !waits && !is_rejected
    }

    /// The account could not log in, or lacks what its owner must provide.
    pub fn was_rejected(&self, account: &Account, loaded: &Loaded) {
        let learned = Learned { rejected: Some(loaded.clock.now()), ..self.known(account) };
        self.learned.set(&account.name, learned);
    }

    /// The other account takes the place of the account.
    pub fn takes_over(&self, account: &Account, other: &Account) {
        let known = self.known(account);
        let is_known = known.through.as_ref().is_some_and(|through| through.account == other.name);
        if !is_known {
            let through = Some(Through { account: other.name.clone(), since: Timestamp::now() });
            self.learned.set(&account.name, Learned { through, ..known });
        }
    }

    /// A relay of the account itself was reached.
    pub fn is_over(self: &Arc<Self>, account: &Account) -> OwnSession {
        let known = self.known(account);
        if known.through.is_some() {
            self.learned.set(&account.name, Learned { through: None, ..known });
        }
        *self.own.lock().entry(account.name.clone()).or_default() += 1;
        OwnSession { of: Arc::clone(self), account: account.name.clone() }
    }

    fn known(&self, account: &Account) -> Learned {
        self.learned.get(&account.name, &account.server_and_user())
    }
}
