//! Which relay and which login Postfix takes for a sender: `relayhost`, transports, `sender_dependent_relayhost_maps` and
//! `smtp_sasl_password_maps`, asked as Postfix asks them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::main_cf::{MainCf, elements};
use super::master_cf::{Services, USUAL};
use super::tables::{self, ALL, Known};
use crate::import::draft::{Draft, is_domain};
use crate::mail::address::without_extension;

/// Name and password.
pub(crate) type Login = (String, String);

/// One relay, as written, and the login there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) login: Option<Login>,
}

/// What one sender, or everybody else, is sent through.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// Tried in order, with those of `smtp_fallback_relay`.
    pub(crate) hosts: Vec<Host>,
    /// The service of master.cf, with parameters of its own.
    pub(crate) service: String,
    /// The parameter that says so.
    pub(crate) by: &'static str,
}

impl PartialEq for Way {
    fn eq(&self, other: &Self) -> bool {
        (&self.hosts, &self.service) == (&other.hosts, &other.service)
    }
}

/// A transport of the SMTP client, and where it leads, if that is said.
#[derive(Debug, Clone)]
struct Transport {
    service: String,
    relay: Option<String>,
    by: &'static str,
}

/// The tables that decide it.
pub(crate) struct Ways {
    /// Sender -> relay as written.
    relays: Vec<(String, String)>,
    /// Sender -> transport; `None`: one that is not the SMTP client's. Another relay must not get their login.
    transports: Vec<(String, Option<Transport>)>,
    /// Where mail goes whose sender has no row; `None`: not through the SMTP client.
    usual: Option<Transport>,
    relayhost: Option<String>,
    /// By service: sender or relay -> login.
    logins: Vec<(String, Logins)>,
    delimiters: String,
    /// A parameter whose tables may name another relay, since not all of their rows are known, for any sender but these.
    unknown: Option<(&'static str, Vec<String>)>,
}

/// What one service takes for a login.
struct Logins {
    rows: Vec<(String, Login)>,
    by_sender: bool,
    /// Relays that are tried after all others.
    fallback: Vec<String>,
    /// Keys that somebody has got.
    used: RefCell<BTreeSet<String>>,
}

/// Reads them, and notes rows that nobody can ask for.
pub(crate) fn read(file: &MainCf<'_>, services: &Services, draft: &mut Draft) -> Ways {
    let main = &file.with(services.options(USUAL).unwrap_or_default());
    let for_all = transport_maps(main, services, draft);
    let mut transports = sender_transports(main, services, draft);
    let mut relays = with_users(main, tables::rows(main, SENDER_RELAYS, draft));
    relays.retain(|(key, _)| {
        let is_asked = key.contains('@') || key == ALL;
        if !is_asked {
            let why = match key.as_str() {
                "<>" => "a bounce uses the account of the message it reports on",
                _ => "Postfix looks up only user@domain and @domain",
            };
            draft.left_out(format!("{SENDER_RELAYS} entry for {key}"), why);
        }
        is_asked
    });
    if let Some(transport) = for_all.as_ref().filter(|_| !relays.is_empty() || !transports.is_empty()) {
        let to = transport.relay.as_deref().unwrap_or_default();
        let name = if relays.is_empty() { SENDER_TRANSPORTS } else { SENDER_RELAYS };
        draft.left_out(name, format!("transport_maps sends all mail to {to}, regardless of the sender"));
        relays.clear();
        transports.clear();
    }
    let usual = for_all.or_else(|| match main.get("default_transport") {
        None => Some(Transport { service: USUAL.to_owned(), relay: None, by: "relayhost" }),
        Some(written) => {
            let transport = transport(&written, "default_transport", services);
            if transport.is_none() {
                draft.left_out(format!("default_transport = {written}"), "not a transport of the SMTP client");
            }
            transport
        }
    });
    let mut taken: Vec<String> = Vec::new();
    for transport in transports.iter().filter_map(|(_, transport)| transport.as_ref()).chain(&usual) {
        if !taken.contains(&transport.service) {
            taken.push(transport.service.clone());
        }
    }
    let mut logins_of = |service: &String| logins(&file.with(services.options(service).unwrap_or_default()), draft);
    let logins = taken.iter().map(|service| (service.clone(), logins_of(service))).collect();
    let delimiters = main.get("recipient_delimiter").unwrap_or_default();
    let unknown = unknown(main, &relays, &transports);
    Ways { relays, transports, usual, relayhost: main.get("relayhost"), logins, delimiters, unknown }
}

/// A user without a domain is one of $myorigin, and comes behind the whole address.
fn with_users(main: &MainCf<'_>, rows: Vec<(String, String)>) -> Vec<(String, String)> {
    users_at_origin(main, rows, &|key| key != ALL && key != "<>" && !key.contains('@'))
}

/// Logins are asked for by sender before the relay; a name that a host may have stays what it is.
fn with_users_of_logins(main: &MainCf<'_>, rows: Vec<(String, String)>) -> Vec<(String, String)> {
    let hosts = elements(&main.get("relayhost").unwrap_or_default());
    let is_host = |key: &str| key == "localhost" || hosts.iter().any(|host| host.eq_ignore_ascii_case(key));
    users_at_origin(main, rows, &|key| !key.is_empty() && !key.contains(['@', '.', ':', '[', '<']) && !is_host(key))
}

fn users_at_origin(
    main: &MainCf<'_>,
    rows: Vec<(String, String)>,
    is_user: &dyn Fn(&str) -> bool,
) -> Vec<(String, String)> {
    let origin =
        super::origin(main).and_then(Result::ok).unwrap_or_else(|| main.or_default("myhostname", "$myhostname"));
    let (users, mut all): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(key, _)| is_user(key));
    for (user, value) in users {
        let whole = format!("{user}@{}", origin.to_lowercase());
        if !all.iter().any(|(key, _)| *key == whole) {
            all.push((whole, value));
        }
    }
    all
}

const SENDER_RELAYS: &str = "sender_dependent_relayhost_maps";
/// The parameter with the relays that are tried last, and its old name.
pub(crate) const FALLBACK: [&str; 2] = ["smtp_fallback_relay", "fallback_relay"];
const DELIMITER: &str = "smtp_sasl_password_result_delimiter";
const SENDER_TRANSPORTS: &str = "sender_dependent_default_transport_maps";

/// The first parameter that is not known whole, and the senders whose relay is known all the same.
fn unknown(
    main: &MainCf<'_>,
    relays: &[(String, String)],
    transports: &[(String, Option<Transport>)],
) -> Option<(&'static str, Vec<String>)> {
    let keys = |known, all: Vec<String>| match known {
        Known::All => (true, all),
        Known::Before(keys) => (false, keys),
    };
    let named = transports.iter().filter(|(_, way)| way.as_ref().is_some_and(|way| way.relay.is_some()));
    let named: Vec<String> = named.map(|(key, _)| key.clone()).collect();
    let (are_transports_known, mut before) = keys(tables::known(main, SENDER_TRANSPORTS), named.clone());
    // Those without a relay of their own have that of the other table.
    before.retain(|key| named.contains(key));
    let all = relays.iter().map(|(key, _)| key.clone()).collect();
    let (are_relays_known, others) = keys(tables::known(main, SENDER_RELAYS), all);
    if !are_transports_known {
        return Some((SENDER_TRANSPORTS, before));
    }
    before.extend(others);
    if !are_relays_known {
        return Some((SENDER_RELAYS, before));
    }
    matches!(tables::known(main, "transport_maps"), Known::Before(_)).then_some(("transport_maps", before))
}

/// `service:host`, either of which may be missing, where the service is the SMTP client's.
fn transport(written: &str, by: &'static str, services: &Services) -> Option<Transport> {
    let (service, host) = written.split_once(':').unwrap_or((written, ""));
    let service = if service.trim().is_empty() { USUAL } else { service.trim() };
    services.options(service)?;
    Some(Transport {
        service: service.to_owned(),
        relay: Some(host.trim().to_owned()).filter(|host| !host.is_empty()),
        by,
    })
}

/// Whether a transport puts mail into the mailboxes of this machine.
pub(super) fn is_local(transport: &str) -> bool {
    transport.split(':').next().is_some_and(|service| service.trim() == "local")
}

/// The transport of a row for all mail; the other rows are noted.
fn transport_maps(main: &MainCf<'_>, services: &Services, draft: &mut Draft) -> Option<Transport> {
    let name = "transport_maps";
    let mut for_all = None;
    for (key, value) in tables::rows(main, name, draft) {
        // A domain of this machine's own.
        if is_local(&value) && is_domain(&key) {
            continue;
        }
        let found = transport(&value, name, services).filter(|transport| transport.relay.is_some());
        if let Some(transport) = found.filter(|_| key == ALL || key == "*") {
            for_all = Some(transport);
        } else {
            let why = "postrider chooses the relay by sender, not by recipient";
            let key = if key == ALL { "for everything" } else { &key };
            draft.changed(format!("{name} entry \"{key} {value}\""), why);
        }
    }
    for_all
}

fn sender_transports(main: &MainCf<'_>, services: &Services, draft: &mut Draft) -> Vec<(String, Option<Transport>)> {
    let mut transports = Vec::new();
    for (key, value) in with_users(main, tables::rows(main, SENDER_TRANSPORTS, draft)) {
        if value.eq_ignore_ascii_case("dunno") {
            continue;
        }
        if key == "<>" {
            let why = "a bounce uses the account of the message it reports on";
            draft.left_out(format!("{SENDER_TRANSPORTS} entry for {key}"), why);
            continue;
        }
        let transport = transport(&value, SENDER_TRANSPORTS, services);
        if transport.is_none() {
            let why = format!("the transport {value} is not understood; add an account with {key} in its `senders`");
            draft.left_out(format!("{SENDER_TRANSPORTS} entry for \"{key}\""), why);
        }
        transports.push((key, transport));
    }
    transports
}

fn logins(main: &MainCf<'_>, draft: &mut Draft) -> Logins {
    let by_sender = main.is_yes("smtp_sender_dependent_authentication");
    let fallback = FALLBACK.iter().map(|name| main.list(name)).find(|relays| !relays.is_empty()).unwrap_or_default();
    let name = "smtp_sasl_password_maps";
    let mut passwords = tables::rows(main, name, draft);
    if by_sender {
        passwords = with_users_of_logins(main, passwords);
    }
    if !main.is_yes("smtp_sasl_auth_enable") {
        if !passwords.is_empty() {
            draft.left_out(name, "smtp_sasl_auth_enable is not yes, so Postfix does not use it");
        }
        return Logins { rows: Vec::new(), by_sender, fallback, used: RefCell::default() };
    }
    let mut logins = Vec::new();
    // Another character than the colon since Postfix 3.9.
    let delimiter = main.get(DELIMITER).and_then(|text| text.chars().next()).unwrap_or(':');
    if main.is_set(DELIMITER) {
        draft.no_effect(DELIMITER, format!("the logins are read with \"{delimiter}\" between name and password"));
    }
    for (key, value) in passwords {
        let (user, password) = value.split_once(delimiter).unwrap_or((&value, ""));
        if password.is_empty() {
            let why = if delimiter == ':' { "no password after the colon" } else { "no password after the delimiter" };
            draft.left_out(format!("{name} entry for \"{key}\""), why);
        } else {
            logins.push((key, (user.to_owned(), password.to_owned())));
        }
    }
    Logins { rows: logins, by_sender, fallback, used: RefCell::default() }
}

impl Ways {
    /// All senders with a row of their own, as the tables write them.
    pub(crate) fn senders(&self) -> Vec<String> {
        let logins = self.logins.iter().filter(|(_, logins)| logins.by_sender).flat_map(|(_, logins)| &logins.rows);
        let keys = self.transports.iter().map(|(key, _)| key).chain(self.relays.iter().map(|(key, _)| key));
        let mut senders: Vec<String> = Vec::new();
        for key in keys.chain(logins.map(|(key, _)| key)).filter(|key| key.contains('@')) {
            if !senders.contains(key) && self.transport(key).is_some() {
                senders.push(key.clone());
            }
        }
        senders
    }

    /// The parameter that may name another relay for a sender, where no known row does.
    pub(crate) fn unknown_for(&self, sender: &str) -> Option<&'static str> {
        let (name, known) = self.unknown.as_ref()?;
        (!self.forms(sender).iter().any(|form| known.contains(form))).then_some(*name)
    }

    /// Postfix asks for the address, for it without its extension, then for its domain.
    fn forms(&self, sender: &str) -> Vec<String> {
        let (local, domain) = sender.split_at(sender.find('@').unwrap_or(sender.len()));
        let bare = without_extension(local, &self.delimiters).map(|local| format!("{local}{domain}"));
        [Some(sender.to_owned()), bare, Some(domain.to_owned()), Some(ALL.to_owned())].into_iter().flatten().collect()
    }

    /// `None`: its mail is not for the SMTP client.
    fn transport(&self, sender: &str) -> Option<&Transport> {
        let row = self.forms(sender).iter().find_map(|form| find(&self.transports, form));
        row.map_or(self.usual.as_ref(), Option::as_ref)
    }

    pub(crate) fn of(&self, sender: &str) -> Option<Way> {
        let transport = self.transport(sender)?;
        let forms = self.forms(sender);
        let row = forms.iter().find_map(|form| find(&self.relays, form));
        let row = row.filter(|relay| !relay.eq_ignore_ascii_case("dunno"));
        let (relay, by) = match (&transport.relay, row) {
            (Some(relay), _) => (relay, transport.by),
            (None, Some(relay)) => (relay, SENDER_RELAYS),
            (None, None) => (self.relayhost.as_ref()?, transport.by),
        };
        let logins = &self.logins.iter().find(|(service, _)| *service == transport.service)?.1;
        let own = forms.iter().filter(|_| logins.by_sender).find_map(|form| logins.of(form));
        let mut names: Vec<String> = Vec::new();
        for name in elements(relay).into_iter().chain(logins.fallback.iter().cloned()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let with_login = |name: String| Host { login: own.clone().or_else(|| logins.at(&name)), name };
        let by = if by == "relayhost" { SENDER_RELAYS } else { by };
        Some(Way { hosts: names.into_iter().map(with_login).collect(), service: transport.service.clone(), by })
    }

    /// For senders without a row.
    pub(crate) fn default(&self) -> Option<Way> {
        self.of("")
    }

    /// Whether mail of senders without a row goes to the servers of its recipients.
    pub(crate) fn is_direct(&self) -> bool {
        self.usual.as_ref().is_some_and(|usual| usual.relay.is_none()) && self.relayhost.is_none()
    }

    /// The parameter with the relay of senders without a row.
    pub(crate) fn relayhost_by(&self) -> &'static str {
        match &self.usual {
            Some(Transport { relay: Some(_), by, .. }) => by,
            _ if self.relayhost.is_some() => "relayhost",
            _ => SENDER_RELAYS,
        }
    }

    /// Notes logins that nobody has got, and those that were got by a guess.
    pub(crate) fn tell_unused(&self, draft: &mut Draft) {
        let is_used = |key: &str| self.logins.iter().any(|(_, logins)| logins.used.borrow().contains(key));
        for (key, _) in self.logins.iter().flat_map(|(_, logins)| &logins.rows) {
            let what = format!("smtp_sasl_password_maps entry for {key}");
            if key.contains('@') && self.unknown_for(key).is_some() {
                // Told already.
            } else if is_used(key) {
                if let Some(relay) = self.guessed_at(key) {
                    let how = format!("used as the login for {relay}, because it seems to be one of its mail hosts");
                    draft.changed(what, how);
                }
            } else if self.is_relay(key) {
                draft.no_effect(what, "the senders of this relay have logins of their own");
            } else if key.contains('@') && self.transport(key).is_none() {
                draft.left_out(what, "the transport of this sender is not understood");
            } else if key.contains('@') {
                draft.left_out(
                    what,
                    "smtp_sender_dependent_authentication is not yes, so Postfix does not look up senders",
                );
            } else {
                let why = "no relay has this name; if it is a mail host of a relay, set `username` and `password` in that account";
                draft.left_out(what, why);
            }
        }
    }

    fn is_relay(&self, key: &str) -> bool {
        self.all_relays()
            .iter()
            .any(|relay| elements(&relay.to_lowercase()).iter().any(|one| one == key || host(one) == key))
    }

    fn all_relays(&self) -> Vec<&String> {
        let fallback = self.logins.iter().flat_map(|(_, logins)| &logins.fallback);
        let transports = self.transports.iter().filter_map(|(_, transport)| transport.as_ref()).chain(&self.usual);
        let relays = self.relays.iter().map(|(_, relay)| relay).chain(&self.relayhost);
        relays.chain(transports.filter_map(|transport| transport.relay.as_ref())).chain(fallback).collect()
    }

    /// The relay that got this row only because it may be one of its mail hosts.
    fn guessed_at(&self, key: &str) -> Option<&str> {
        let is_guess = |relay: &&String| elements(&relay.to_lowercase()).iter().any(|relay| is_below(key, relay));
        self.all_relays().into_iter().find(is_guess).map(String::as_str)
    }
}

impl Logins {
    fn of(&self, key: &str) -> Option<Login> {
        let login = find(&self.rows, key)?;
        self.used.borrow_mut().insert(key.to_owned());
        Some(login.clone())
    }

    /// By the host's bare name, then by the relay as written. Where the DNS says which hosts are called, Postfix asks for
    /// their names: one below the relay's domain is taken for one of them.
    fn at(&self, relay: &str) -> Option<Login> {
        let relay = relay.to_lowercase();
        let written = self.of(host(&relay)).or_else(|| self.of(&relay));
        let below = || self.rows.iter().find(|(key, _)| is_below(key, &relay));
        written.or_else(|| self.of(&below()?.0)).or_else(|| self.of(ALL))
    }
}

/// Whether a host may be one that the DNS names for a relay.
fn is_below(name: &str, relay: &str) -> bool {
    !relay.starts_with('[') && name.strip_suffix(host(relay)).is_some_and(|front| front.ends_with('.'))
}

fn find<'r, T>(rows: &'r [(String, T)], key: &str) -> Option<&'r T> {
    rows.iter().find(|(known, _)| known == key).map(|(_, value)| value)
}

/// The host of `[host]:port`.
pub(crate) fn host(relay: &str) -> &str {
    match relay.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => relay.split(':').next().unwrap_or(relay),
    }
}
