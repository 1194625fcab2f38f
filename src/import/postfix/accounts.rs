//! The accounts: one for each pair of relay and login that Postfix takes for somebody, with the senders that it sends there.

use super::main_cf::{MainCf, elements};
use super::master_cf::Services;
use super::relays::{self, Way, host};
use super::tls::{self, Options};
use crate::config::Secret;
use crate::import::draft::{Draft, DraftAccount, Section, is_this_machine};
use crate::import::said::Said;
use crate::mail::address::Address;

/// Adds all accounts; the services of master.cf that they take.
pub(crate) fn accounts(file: &MainCf<'_>, services: &Services, draft: &mut Draft) -> Vec<String> {
    let ways = relays::read(file, services, draft);
    let mut groups: Vec<(Way, Vec<String>)> = Vec::new();
    for sender in ways.senders() {
        if !is_sender(&sender) {
            draft.left_out(format!("sender {sender}"), "neither user@domain nor @domain");
            continue;
        }
        let Some(way) = ways.of(&sender) else {
            draft.left_out(format!("sender {sender}"), "Postfix has no relay for it; add it to an account's `senders`");
            continue;
        };
        match groups.iter_mut().find(|(known, _)| *known == way) {
            Some((_, senders)) => senders.push(sender),
            None => groups.push((way, vec![sender])),
        }
    }
    let default = ways.default();
    ways.tell_unused(draft);
    match &default {
        Some(way) if !groups.iter().any(|(known, _)| known == way) => groups.insert(0, (way.clone(), Vec::new())),
        Some(_) => {}
        None if ways.is_direct() => draft.is_direct("relayhost"),
        None => draft.left_out("relayhost", "not used; mail of other senders has no account: add one with `relay`"),
    }
    let mut used: Vec<String> = Vec::new();
    for (way, _) in &groups {
        if !used.contains(&way.service) {
            used.push(way.service.clone());
        }
    }
    let by = ways.relayhost_by();
    for service in &used {
        let main = file.with(services.options(service).unwrap_or_default());
        let options = tls::read(&main, draft);
        let own = || groups.iter().filter(|(way, _)| way.service == *service);
        let relays: Vec<String> = own().flat_map(|(way, _)| elements(&way.relay)).collect();
        options.tell_unused_policies(&relays.iter().map(String::as_str).collect::<Vec<_>>(), draft);
        for (way, senders) in own() {
            let is_default = Some(way) == default.as_ref();
            let by = if is_default { by } else { way.by };
            let name = add(&main, draft, &Account { way, senders, by }, &options);
            if is_default {
                draft.top.text("default_account", &name, by);
            }
        }
    }
    used
}

fn is_sender(key: &str) -> bool {
    match key.strip_prefix('@') {
        Some(domain) => Address::new("x", domain).is_ok(),
        None => Address::parse(key).is_ok(),
    }
}

/// An account to be.
struct Account<'a> {
    way: &'a Way,
    senders: &'a [String],
    /// The parameter with its relay.
    by: &'a str,
}

fn add(main: &MainCf<'_>, draft: &mut Draft, account: &Account<'_>, options: &Options) -> String {
    let written = elements(&account.way.relay);
    let first = written.first().map_or("", String::as_str);
    let name = draft.account_name(host(first));
    let mut keys = Section::default();
    let relay = relays(main, &written, account.by, &mut keys);
    if !main.is_set("smtp_tcp_port") && written.iter().any(|relay| !has_port(relay) && !is_this_machine(host(relay))) {
        draft.port_25(&name);
    }
    let login = account.way.login.as_ref();
    if let Some((user, _)) = login {
        keys.text("username", user, "smtp_sasl_password_maps, smtp_sasl_auth_enable");
    }
    if !account.senders.is_empty() {
        let comment = format!("{}, smtp_sender_dependent_authentication", account.way.by);
        keys.list("senders", account.senders, comment);
    }
    options.write(&name, first, login.map(|(user, _)| user.as_str()), &mut keys, draft);
    let secret = login.map(|(_, password)| Secret::new(password.clone()));
    let said =
        Said { relay, tls: options.encryption(first), login: login.map(|(user, _)| user.clone()), ..Said::default() };
    draft.accounts.push(DraftAccount { name: name.clone(), keys, secret, said });
    name
}

/// `relay`, with the port always; the first of them.
fn relays(main: &MainCf<'_>, written: &[String], by: &str, keys: &mut Section) -> String {
    let fallback = ["smtp_fallback_relay", "fallback_relay"].into_iter().find(|name| main.is_set(name));
    let usual = main.or_default("smtp_tcp_port", "25");
    let usual = if usual == "smtp" { "25" } else { &usual };
    let no_dns = ["disable_dns_lookups", "smtp_dns_support_level"].into_iter().find(|name| {
        let value = main.get(name).unwrap_or_default().to_lowercase();
        value == "yes" || value == "disabled"
    });
    let mut relays = written.to_vec();
    relays.extend(fallback.map(|name| main.list(name)).unwrap_or_default());
    let mut comment = by.to_owned();
    if let Some(fallback) = fallback.filter(|_| relays.len() > written.len()) {
        comment = format!("{comment}, {fallback}");
    }
    if let Some(name) = no_dns.filter(|_| relays.iter().any(|relay| !relay.starts_with('['))) {
        comment = format!("{comment}; in brackets because of {name}");
    }
    let without = relays.iter().any(|relay| !has_port(relay));
    if without && main.is_set("smtp_tcp_port") {
        comment = format!("{comment}; the port is smtp_tcp_port");
    } else if without {
        comment = format!("{comment}; port 25 is Postfix's default");
    }
    for relay in &mut relays {
        if no_dns.is_some() && !relay.starts_with('[') {
            *relay = match relay.split_once(':') {
                Some((host, port)) => format!("[{host}]:{port}"),
                None => format!("[{relay}]"),
            };
        }
        if !has_port(relay) {
            *relay = format!("{relay}:{usual}");
        }
    }
    match relays.as_slice() {
        [only] => keys.text("relay", only, comment),
        several => keys.list("relay", several, comment),
    }
    relays.into_iter().next().unwrap_or_default()
}

fn has_port(relay: &str) -> bool {
    relay.rsplit(']').next().unwrap_or(relay).contains(':')
}
