//! The account that a network client's mail goes through, as the listener asks at MAIL and as `postrider client` says beforehand.
//! Pure: the loaded generic tables are given.

use super::outbound::Generic;
use super::route::{NoAccount, choose_for_client, serves_client};
use crate::config::client::Client;
use crate::config::sender_pattern::is_pattern;
use crate::config::{Account, Config, TableFault, TableSet};
use crate::mail::address::{Address, ReversePath};
use crate::mail::address_class::AddressClass;

/// Why no account takes a client's mail; each names the key to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotServed {
    /// The account is for others.
    #[error("client {client} may not use account {account}; add \"{client}\" to `clients` in [account.{account}]")]
    Reserved {
        /// Who.
        client: String,
        /// Which account.
        account: String,
    },
    /// None is set, and none lists the sender.
    #[error(
        "no account serves <{sender}>; set `account` in [client.{client}], or add the address to `senders` of an account"
    )]
    NoAccount {
        /// Who.
        client: String,
        /// As whom.
        sender: String,
    },
}

/// The account for what the client sends from there. Mail without one would be held, which a device never hears of.
pub fn account_for<'c>(
    config: &'c Config,
    generic: &TableSet,
    client: &Client,
    sender: &ReversePath,
) -> Result<Result<&'c Account, NotServed>, TableFault> {
    let generic = Generic { config, tables: generic };
    let rewritten =
        sender.mailbox().map(|address| generic.address(AddressClass::EnvelopeSender, address)).transpose()?;
    let after = match rewritten.flatten() {
        Some(rewritten) => ReversePath::Mailbox(rewritten.address),
        None => sender.clone(),
    };
    let name = client.name.to_string();
    Ok(match choose_for_client(config, client, sender, &after) {
        Ok(choice) if serves_client(choice.account, &client.name) => Ok(choice.account),
        Ok(choice) => Err(NotServed::Reserved { client: name, account: choice.account.name.clone() }),
        Err(NoAccount::AtAll | NoAccount::Asked(_) | NoAccount::Of(_)) => {
            Err(NotServed::NoAccount { client: name, sender: sender.to_string() })
        }
    })
}

/// The address that the client sends from, unless it has several: `from`, the first of `senders` that is one address, or
/// NAME@origin.
#[must_use]
pub fn own_address(config: &Config, client: &Client) -> Option<Address> {
    if let Some(from) = &client.from {
        return Some(from.clone());
    }
    let name = client.name.as_str();
    let complete = |entry: &str| match entry.split_once('@') {
        Some(("", domain)) => Address::new(name, domain).ok(),
        Some(_) => Address::parse(entry).ok(),
        // In quotes, a star is a character like any other.
        None if entry.starts_with('"') => Address::parse(&format!("{entry}@{}", config.origin)).ok(),
        None => Address::new(entry, &config.origin).ok(),
    };
    match &client.senders {
        None => complete(name),
        Some(senders) => senders.addresses.first().filter(|first| !is_pattern(first)).and_then(|first| complete(first)),
    }
}
