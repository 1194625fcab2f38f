//! How often a message continued at once in a new session, over all sessions of an account. The limits are in
//! `rules::session_restarts`.
//!
//! Each restart is a login, and a server that hangs up on a certain message would otherwise get one after the other
//! without end. Where the limit is reached, the message waits for its next attempt like any other that was not
//! delivered.

use std::collections::HashMap;
use std::time::Instant;

use parking_lot::Mutex;

use crate::rules::session_restarts::SessionRestarts;
use crate::spool::MessageId;

/// By account.
#[derive(Debug, Default)]
pub struct AccountRestarts(Mutex<HashMap<String, SessionRestarts>>);

impl AccountRestarts {
    /// Whether the message may continue at once in a new session of the account. If so, it is counted.
    pub fn begin(&self, account: &str, message: &MessageId) -> bool {
        let mut accounts = self.0.lock();
        accounts.entry(account.to_owned()).or_default().begin(message.as_str(), Instant::now())
    }
}
