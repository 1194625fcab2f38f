//! Accounts in whose place another one sends, because their own relays cannot be reached.

use super::report::{Kind, Level, Reason};
use crate::config::Config;
use crate::spool::Spool;
use crate::spool::learned;

/// A reason for each of them.
pub(super) fn taken_over(config: &Config, spool: Option<&Spool>) -> Vec<Reason> {
    let learned = spool.map(learned::read).unwrap_or_default();
    let reasons = config.accounts.iter().filter_map(|account| {
        let known = learned.get(&account.name).filter(|known| known.of == account.server_and_user())?;
        // The configuration may have changed since.
        let through = known.through.as_ref().filter(|_| account.fallback.is_some())?;
        let text = format!(
            "account {}: its relays cannot be reached; mail goes through the fallback account {}",
            account.name, through.account
        );
        Some(Reason::new(Level::Ok, Kind::Relay, text).of(&account.name).since(Some(through.since)))
    });
    reasons.collect()
}
