//! Accounts whose provider will soon accept no passwords, by the built-in table of providers: named early, because the other way to
//! log in takes time to arrange.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::report::{Kind, Level, Reason};
use crate::config::providers::Provider;
use crate::config::{Account, Config};

/// So many days ahead.
const AHEAD: i64 = 60;

/// A warning for each such account.
pub fn warnings(config: &Config, today: Date) -> impl Iterator<Item = Reason> {
    config.accounts.iter().filter_map(move |account| warning(account, today))
}

fn warning(account: &Account, today: Date) -> Option<Reason> {
    let has_password = account.password.is_some() && !account.auth.iter().any(|mechanism| mechanism.wants_token());
    let provider = account.relays.iter().find_map(|relay| Provider::of_server(&relay.host)).filter(|_| has_password)?;
    let end = provider.password_ends.filter(|end| end.saturating_sub(AHEAD.days()) <= today)?;
    let from = if end <= today { format!("since {end}") } else { format!("from {end} on") };
    let (name, provider) = (&account.name, &provider.name);
    let text = format!("account {name}: {provider} accepts no passwords {from}");
    let cure = "use OAuth 2.0 tokens instead (`auth` in postrider.toml(5)), or an account of another provider";
    Some(Reason::new(Level::Warning, Kind::Password, text).of(name).cured_by(cure))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
