//! Whether a recipient on this machine is anybody: what its tables make of the address, and whether there is such a user.

use super::loaded::Loaded;
use crate::config::{self, Config, TableFault};
use crate::deliver::plan::{self, Undeliverable};
use crate::mail::address::{Address, without_extension};
use crate::mail::list::Spec;
use crate::rules::inbound::Arrival;
use crate::submit::admit::complete;
use crate::submit::frontend::recipients::RecipientArgument;
use crate::sys::user;

/// Who exists on this machine waits for an address: cron's mail to root must not vanish because a host was renamed.
#[must_use]
pub fn is_somebody_here(local: &str, delimiter: &str) -> bool {
    let is_somebody = |name: &str| {
        let name = name.to_ascii_lowercase();
        matches!(name.as_str(), "root" | "postmaster") || user::is_login(&name)
    };
    is_somebody(local) || without_extension(local, delimiter).is_some_and(is_somebody)
}

/// Whether mail to such a recipient waits for a row in a table, where others are refused.
#[must_use]
pub fn waits(config: &Config, why: &Undeliverable) -> bool {
    matches!(why, Undeliverable::Own(address, _) | Undeliverable::Unknown(address) if is_somebody_here(address.local(), &config.recipient_delimiter))
}

/// Whether all that the address stands for would bounce, since no user here and no table knows it.
pub fn is_nobody(loaded: &Loaded, address: &Address) -> Result<bool, TableFault> {
    let config = &loaded.config;
    let given = RecipientArgument { text: address.to_string(), spec: Spec::Complete(address.clone()) };
    let recipients = loaded.arriving().arriving(config, |tables| {
        complete::rewritten(&Arrival { config, tables, include: config::included }, &given)
    })?;
    let leaving = loaded.leaving();
    for recipient in &recipients {
        match plan::undeliverable(config, &leaving, recipient)? {
            Some(Undeliverable::Own(own, _) | Undeliverable::Unknown(own))
                if !is_somebody_here(own.local(), &config.recipient_delimiter) => {}
            _ => return Ok(false),
        }
    }
    Ok(!recipients.is_empty())
}
