//! `[client.NAME]`: who may submit over the network, and what must stand together in it.

use toml::de::{DeTable, DeValue};

use super::Surroundings;
use super::account::{check_addresses, check_senders, from};
use super::faults::Faults;
use super::listener::sections;
use super::section::{At, Section};
use super::tables::source;
use crate::config::client::{Client, Senders};
use crate::config::keys::CLIENT_KEYS;
use crate::config::network::Prefix;
use crate::config::scram::StoredKeys;
use crate::mail::submitter::ClientName;

/// All clients, in the order of the file.
pub(super) fn clients(around: &Surroundings, top: &Section, faults: &mut Faults) -> Vec<Client> {
    let sections = sections("client", top, faults);
    sections.into_iter().filter_map(|(name, table)| client(around, name, table, faults)).collect()
}

fn client(around: &Surroundings, name: At<&str>, table: &DeTable, faults: &mut Faults) -> Option<Client> {
    let section = Section::open(table, CLIENT_KEYS, faults);
    let scram = scram(&section, faults);
    let networks = networks(&section, faults);
    let owner = section.text("owner", faults).map(|text| text.value.to_owned());
    if !section.has("owner") {
        faults.add(name.at, "this client has no `owner`: set it to the login of the user who gets its bounces");
    }
    let allow_plaintext = section.flag("allow_plaintext", faults).unwrap_or(false);
    if allow_plaintext && networks.is_empty() {
        let at = section.get("allow_plaintext").map_or(name.at, |value| value.span().start);
        faults.add(
            at,
            "`allow_plaintext` needs `networks`: name the addresses that the password may come from without TLS",
        );
    }
    let client = Client {
        name: ClientName::parse(name.value).map_err(|error| faults.add(name.at, error.to_string())).ok()?,
        scram,
        networks,
        owner: owner.unwrap_or_default(),
        senders: senders(around, &section, faults),
        from: from(&section, faults),
        account: section.text("account", faults).map(|text| text.value.to_owned()),
        allowed_recipients: section.texts("allowed_recipients", faults).map(|texts| {
            check_addresses("allowed_recipients", &texts, faults);
            texts.iter().map(|text| text.value.to_owned()).collect()
        }),
        relay_for_others: section.flag("relay_for_others", faults).unwrap_or(false),
        allow_plaintext,
        behind_nat_ok: section.flag("behind_nat_ok", faults).unwrap_or(false),
    };
    if client.relay_for_others && client.from.is_some() {
        let at = section.get("from").map_or(name.at, |value| value.span().start);
        faults.add(at, "`from` and `relay_for_others` exclude each other: the mail system's From is free");
    }
    Some(client)
}

fn scram(section: &Section, faults: &mut Faults) -> Vec<StoredKeys> {
    let mut keys: Vec<StoredKeys> = Vec::new();
    for text in section.texts("scram", faults).unwrap_or_default() {
        match StoredKeys::parse(text.value) {
            Ok(one) if keys.iter().any(|known| known.hash == one.hash) => {
                faults.add(text.at, "`scram` has two keys of the same mechanism: remove one");
            }
            Ok(one) => keys.push(one),
            Err(error) => faults.add(text.at, format!("`scram`: {error}")),
        }
    }
    keys
}

fn networks(section: &Section, faults: &mut Faults) -> Vec<Prefix> {
    let mut networks = Vec::new();
    for text in section.texts("networks", faults).unwrap_or_default() {
        match Prefix::parse(text.value) {
            Ok(prefix) => networks.push(prefix),
            Err(error) => faults.add(text.at, format!("`networks`: {error}")),
        }
    }
    networks
}

/// Addresses have no colon; what has one is a table.
fn senders(around: &Surroundings, section: &Section, faults: &mut Faults) -> Option<Senders> {
    let texts = section.texts("senders", faults)?;
    let (tables, addresses): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| text.value.contains(':'));
    check_senders("senders", &addresses, faults);
    let sources = tables.into_iter().filter_map(|text| source("senders", text, around, faults));
    Some(Senders { tables: sources.collect(), addresses: addresses.iter().map(|text| text.value.to_owned()).collect() })
}

/// The names that would do.
fn existing(kind: &str, names: &[&str]) -> String {
    if names.is_empty() { format!("there are no {kind} yet") } else { format!("existing {kind}: {}", names.join(", ")) }
}

/// What a section must name that is elsewhere in the configuration.
pub(super) fn check_names(top: &Section, config: &crate::config::Config, faults: &mut Faults) {
    let inner = |table: &DeTable, key: &str| table.get(key).map(|value| value.span().start);
    let place = |kind: &str, name: &str, key: &str| {
        let DeValue::Table(sections) = top.get(kind)?.get_ref() else { return None };
        let DeValue::Table(section) = sections.get(name)?.get_ref() else { return None };
        inner(section, key).or_else(|| inner(sections, name))
    };
    let place = |kind: &str, name: &str, key: &str| place(kind, name, key).unwrap_or(0);
    let accounts: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
    let clients: Vec<&str> = config.clients.iter().map(|client| client.name.as_str()).collect();
    for client in &config.clients {
        let name = client.name.as_str();
        if let Some(account) = &client.account
            && config.account(account).is_none()
        {
            faults.add(
                place("client", name, "account"),
                format!("`account` does not match any [account.NAME]; {}", existing("accounts", &accounts)),
            );
        }
    }
    for listener in &config.listeners {
        let at = place("listen", &listener.name, "trust");
        for name in &listener.trust {
            match config.client(name) {
                None => faults.add(
                    at,
                    format!(
                        "`trust` names {name}, but there is no [client.{name}]; {}, and \"postrider client add\" adds one",
                        existing("clients", &clients)
                    ),
                ),
                Some(client) if !client.scram.is_empty() => {
                    faults.add(at, format!("`trust` names {name}, which has a password: a client that is trusted by its address has none"));
                }
                Some(client) if client.networks.is_empty() => {
                    faults.add(
                        at,
                        format!("`trust` names {name}, whose `networks` are not set: set them to its addresses"),
                    );
                }
                Some(_) => {}
            }
        }
    }
    for account in &config.accounts {
        for name in account.clients.iter().flatten() {
            if ClientName::parse(name).ok().and_then(|name| config.client(&name)).is_none() {
                faults.add(
                    place("account", &account.name, "clients"),
                    format!("`clients` names {}, but there is no such [client.NAME]", name.escape_debug()),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
