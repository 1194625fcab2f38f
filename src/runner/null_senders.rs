//! Accounts whose server refuses the null sender (spool/learned.json), over all sessions and all runners.
//! `rules::null_sender` decides how long this is remembered.

use std::sync::Arc;

use crate::config::Account;
use crate::control::loaded::Loaded;
use crate::rules::null_sender;
use crate::spool::learned::{Learned, LearnedOfAccounts};

/// By account.
#[derive(Debug)]
pub struct NullSenders {
    learned: Arc<LearnedOfAccounts>,
}

impl NullSenders {
    /// Continues with what is already known.
    #[must_use]
    pub fn new(learned: Arc<LearnedOfAccounts>) -> Self {
        Self { learned }
    }

    /// Whether the account's server recently refused the null sender.
    ///
    /// Kept by account together with its server and user name, so that an account that moves to another provider is
    /// asked again.
    pub fn are_refused(&self, account: &Account, loaded: &Loaded) -> bool {
        let refused = self.learned.get(&account.name, &account.server_and_user()).null_sender_refused;
        refused.is_some_and(|at| null_sender::is_remembered(loaded.clock.age(at)))
    }

    /// The account's server refused the null sender just now.
    pub fn note_refused(&self, account: &Account, loaded: &Loaded) {
        let known = self.learned.get(&account.name, &account.server_and_user());
        let learned = Learned { null_sender_refused: Some(loaded.clock.now()), ..known };
        self.learned.set(&account.name, learned);
    }
}
