//! The accounts: one for each pair of relay and login that Postfix takes for somebody, with the senders that it sends there.

use super::main_cf::MainCf;
use super::master_cf::Services;
use super::relays::{self, FALLBACK, Host, Way, Ways, host};
use super::tls::{self, Options};
use crate::config::Secret;
use crate::config::sender_pattern::exactly;
use crate::import::draft::{Draft, DraftAccount, Elsewhere, Section, is_this_machine};
use crate::import::said::{Said, SaidRelay};
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
        if let Some(name) = ways.unknown_for(&sender) {
            let why = format!(
                "{name} may name another relay for it than relayhost, and not all of its entries are understood; add an account \
                 with its relay and login and with the sender in `senders`"
            );
            draft.left_out(format!("login of {sender}"), why);
            draft.elsewhere.push(Elsewhere::relay(sender, &unknown(name)));
            continue;
        }
        let Some(way) = ways.of(&sender) else {
            draft.left_out(format!("sender {sender}"), "Postfix has no relay for it; add it to an account's `senders`");
            continue;
        };
        match groups.iter_mut().find(|(known, _)| *known == way) {
            Some((_, senders)) => senders.push(exactly(&sender)),
            None => groups.push((way, vec![exactly(&sender)])),
        }
    }
    compare_usual_senders(file, &ways, draft);
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
        let relays: Vec<&str> = own().flat_map(|(way, _)| &way.hosts).map(|host| host.name.as_str()).collect();
        options.tell_unused_policies(&relays, draft);
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

/// Of those that every machine has, the comparison says where their relay is not known.
fn compare_usual_senders(file: &MainCf<'_>, ways: &Ways, draft: &mut Draft) {
    let origin = file.or_default("myorigin", "$myhostname");
    for user in ["root", "postmaster"] {
        if let Some(name) = ways.unknown_for(&format!("{user}@{origin}")) {
            draft.elsewhere.push(Elsewhere::relay(user, &unknown(name)));
        }
    }
}

/// In the place of a relay that only this parameter names.
fn unknown(name: &str) -> String {
    format!("unknown ({name} is not understood)")
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
    let Some(first) = account.way.hosts.first() else { return String::new() };
    let name = draft.account_name(host(&first.name));
    let (hosts, last) = sharing(main, account, first, options, draft);
    let mut keys = Section::default();
    relays(main, &hosts, account.by, &mut keys);
    if !main.is_set("smtp_tcp_port")
        && hosts.iter().any(|one| !has_port(&one.name) && !is_this_machine(host(&one.name)))
    {
        draft.port_25(&name);
    }
    let login = first.login.as_ref();
    if let Some((user, _)) = login {
        keys.text("username", user, "smtp_sasl_password_maps, smtp_sasl_auth_enable");
    }
    if !account.senders.is_empty() {
        let comment = format!("{}, smtp_sender_dependent_authentication", account.way.by);
        keys.list("senders", account.senders, comment);
    }
    options.write(&name, &first.name, user(first), &mut keys, draft);
    let secret = login.map(|(_, password)| Secret::new(password.clone()));
    let said = account.way.hosts.iter().filter(|host| !last.contains(host)).map(|host| SaidRelay {
        name: with_port(main, &host.name),
        tls: options.encryption(&host.name),
        login: user(host).map(str::to_owned),
    });
    let said = Said { relays: said.collect(), ..Said::default() };
    draft.accounts.push(DraftAccount { name: name.clone(), keys, secret, said });
    let Some((by, _)) = fallback(main).filter(|_| !last.is_empty()) else { return name };
    let way = Way { hosts: last, service: account.way.service.clone(), by };
    let other = add(main, draft, &Account { way: &way, senders: &[], by }, options);
    if let Some(account) = draft.accounts.iter_mut().find(|account| account.name == name) {
        account.keys.text("fallback", &other, by);
    }
    name
}

fn user(host: &Host) -> Option<&str> {
    host.login.as_ref().map(|(user, _)| user.as_str())
}

/// The relays with the login and the TLS of the first; a password is for one provider alone. Of the others, those that are
/// tried last get an account of their own, and the rest is noted.
fn sharing<'w>(
    main: &MainCf<'_>,
    account: &Account<'w>,
    first: &Host,
    options: &Options,
    draft: &mut Draft,
) -> (Vec<&'w Host>, Vec<Host>) {
    let tls = |host: &Host| {
        let mut keys = Section::default();
        options.write("", &host.name, user(host), &mut keys, &mut Draft::default());
        keys
    };
    let (mut shared, mut last, usual) = (Vec::new(), Vec::new(), tls(first));
    for host in &account.way.hosts {
        let difference = match (&host.login, &first.login) {
            (Some((user, _)), usual) if host.login != *usual => format!("Postfix logs in there as {user}"),
            (None, Some(_)) => "Postfix has no login for it".to_owned(),
            _ if !tls(host).has_same_values(&usual) => "smtp_tls_policy_maps has other TLS for it".to_owned(),
            _ => {
                shared.push(host);
                continue;
            }
        };
        if fallback(main).is_some_and(|(_, relays)| relays.contains(&host.name)) {
            last.push(host.clone());
        } else {
            draft.not_shared(&format!("{} ({})", host.name, account.by), &difference);
        }
    }
    (shared, last)
}

/// `relay`, with the port always.
fn relays(main: &MainCf<'_>, hosts: &[&Host], by: &str, keys: &mut Section) {
    let relays: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    let mut comment = by.to_owned();
    if let Some((name, _)) = fallback(main).filter(|(_, last)| last.iter().any(|one| relays.contains(one))) {
        comment = format!("{comment}, {name}");
    }
    if let Some(name) = no_dns(main).filter(|_| relays.iter().any(|relay| !relay.starts_with('['))) {
        comment = format!("{comment}; in brackets because of {name}");
    }
    let without = relays.iter().any(|relay| !has_port(relay));
    if without && main.is_set("smtp_tcp_port") {
        comment = format!("{comment}; the port is smtp_tcp_port");
    } else if without {
        comment = format!("{comment}; port 25 is Postfix's default");
    }
    let relays: Vec<String> = relays.iter().map(|relay| with_port(main, relay)).collect();
    match relays.as_slice() {
        [only] => keys.text("relay", only, comment),
        several => keys.list("relay", several, comment),
    }
}

/// The relays that are tried last, and the parameter that names them.
fn fallback(main: &MainCf<'_>) -> Option<(&'static str, Vec<String>)> {
    FALLBACK.into_iter().map(|name| (name, main.list(name))).find(|(_, relays)| !relays.is_empty())
}

/// The parameter with which hosts are not looked up as domains.
fn no_dns(main: &MainCf<'_>) -> Option<&'static str> {
    ["disable_dns_lookups", "smtp_dns_support_level"].into_iter().find(|name| {
        let value = main.get(name).unwrap_or_default().to_lowercase();
        value == "yes" || value == "disabled"
    })
}

/// As `relay` has it.
fn with_port(main: &MainCf<'_>, relay: &str) -> String {
    let usual = main.or_default("smtp_tcp_port", "25");
    let usual = if usual == "smtp" { "25" } else { &usual };
    let relay = match relay.split_once(':') {
        _ if no_dns(main).is_none() || relay.starts_with('[') => relay.to_owned(),
        Some((host, port)) => format!("[{host}]:{port}"),
        None => format!("[{relay}]"),
    };
    if has_port(&relay) { relay } else { format!("{relay}:{usual}") }
}

fn has_port(relay: &str) -> bool {
    relay.rsplit(']').next().unwrap_or(relay).contains(':')
}
