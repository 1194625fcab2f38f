//! Which relay and which login Postfix takes for a sender: `relayhost`, transports, `sender_dependent_relayhost_maps` and
//! `smtp_sasl_password_maps`, asked as Postfix asks them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::main_cf::{MainCf, elements};
use super::tables::{self, ALL};
use crate::import::draft::Draft;
use crate::mail::address::without_extension;

/// Name and password.
pub(crate) type Login = (String, String);

/// What one sender, or everybody else, is sent through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// As written; several are tried in order.
    pub(crate) relay: String,
    pub(crate) login: Option<Login>,
}

/// The tables that decide it.
pub(crate) struct Ways {
    /// Sender -> relay as written.
    relays: Vec<(String, String)>,
    /// Sender or relay -> login.
    logins: Vec<(String, Login)>,
    /// Senders and domains with a transport that is not understood. Another relay must not get their login.
    elsewhere: Vec<String>,
    by_sender: bool,
    /// Where mail goes for whose sender there is no row, and the parameter that says so.
    pub(crate) relayhost: Option<(String, &'static str)>,
    delimiters: String,
    /// Keys of `logins` that somebody has got.
    used: RefCell<BTreeSet<String>>,
}

/// Reads them, and notes rows that nobody can ask for.
pub(crate) fn read(main: &MainCf<'_>, draft: &mut Draft) -> Ways {
    let for_all = transport_maps(main, draft);
    let (mut relays, elsewhere) = sender_transports(main, draft);
    relays.extend(tables::rows(main, "sender_dependent_relayhost_maps", draft));
    relays.retain(|(key, _)| {
        let is_asked = key.contains('@') || key == ALL;
        if !is_asked {
            let why = match key.as_str() {
                "<>" => "a bounce uses the account of the message it reports on",
                _ => "Postfix looks up only user@domain and @domain",
            };
            draft.left_out(format!("sender_dependent_relayhost_maps entry for {key}"), why);
        }
        is_asked
    });
    if let Some(relay) = for_all.as_ref().filter(|_| !relays.is_empty()) {
        let why = format!("transport_maps sends all mail to {relay}, regardless of the sender");
        draft.left_out("sender_dependent_relayhost_maps", why);
        relays.clear();
    }
    let default = main.get("default_transport").and_then(|value| nexthop(&value));
    let relayhost = for_all.map(|relay| (relay, "transport_maps"));
    let relayhost = relayhost.or_else(|| default.map(|relay| (relay, "default_transport")));
    let relayhost = relayhost.or_else(|| main.get("relayhost").map(|relay| (relay, "relayhost")));
    let by_sender = main.is_yes("smtp_sender_dependent_authentication");
    let logins = logins(main, draft);
    let delimiters = main.get("recipient_delimiter").unwrap_or_default();
    Ways { relays, logins, elsewhere, by_sender, relayhost, delimiters, used: RefCell::default() }
}

/// Where a transport of the SMTP client leads, if it names a host.
fn nexthop(transport: &str) -> Option<String> {
    let (service, host) = transport.split_once(':')?;
    Some(host.trim().to_owned()).filter(|host| !host.is_empty() && ["", "smtp", "relay"].contains(&service.trim()))
}

/// The relay of a row for all mail; the other rows are noted.
fn transport_maps(main: &MainCf<'_>, draft: &mut Draft) -> Option<String> {
    let rows = tables::rows(main, "transport_maps", draft);
    let mut for_all = None;
    for (key, value) in rows {
        if let Some(relay) = nexthop(&value).filter(|_| key == ALL || key == "*") {
            for_all = Some(relay);
        } else {
            let why = "postrider chooses the relay by sender, not by recipient";
            let key = if key == ALL { "for everything" } else { &key };
            draft.left_out(format!("transport_maps entry \"{key} {value}\""), why);
        }
    }
    for_all
}

fn sender_transports(main: &MainCf<'_>, draft: &mut Draft) -> (Vec<(String, String)>, Vec<String>) {
    let name = "sender_dependent_default_transport_maps";
    let (mut relays, mut elsewhere) = (Vec::new(), Vec::new());
    for (key, value) in tables::rows(main, name, draft) {
        if let Some(relay) = nexthop(&value) {
            relays.push((key, relay));
        } else {
            let why = format!("the transport {value} is not understood; add an account with {key} in its `senders`");
            draft.left_out(format!("{name} entry for \"{key}\""), why);
            elsewhere.push(key);
        }
    }
    (relays, elsewhere)
}

fn logins(main: &MainCf<'_>, draft: &mut Draft) -> Vec<(String, Login)> {
    let name = "smtp_sasl_password_maps";
    let passwords = tables::rows(main, name, draft);
    if !main.is_yes("smtp_sasl_auth_enable") {
        if !passwords.is_empty() {
            draft.left_out(name, "smtp_sasl_auth_enable is not yes, so Postfix does not use it");
        }
        return Vec::new();
    }
    let mut logins = Vec::new();
    for (key, value) in passwords {
        let (user, password) = value.split_once(':').unwrap_or((&value, ""));
        if password.is_empty() {
            draft.left_out(format!("{name} entry for \"{key}\""), "no password after the colon");
        } else {
            logins.push((key, (user.to_owned(), password.to_owned())));
        }
    }
    logins
}

impl Ways {
    /// All senders with a row of their own, as both tables write them.
    pub(crate) fn senders(&self) -> Vec<String> {
        let logins = self.logins.iter().filter(|_| self.by_sender).map(|(key, _)| key);
        let mut senders: Vec<String> = Vec::new();
        for key in self.relays.iter().map(|(key, _)| key).chain(logins).filter(|key| key.contains('@')) {
            if !senders.contains(key) && !self.goes_elsewhere(key) {
                senders.push(key.clone());
            }
        }
        senders
    }

    /// Whether its transport, or that of its domain, is not understood.
    fn goes_elsewhere(&self, sender: &str) -> bool {
        let domain = sender.find('@').map_or(sender, |at| &sender[at..]);
        let is_row = |key: &str| self.elsewhere.iter().any(|known| known == key);
        is_row(sender) || (is_row(domain) && find(&self.relays, sender).is_none())
    }

    /// Postfix asks for the address, for it without its extension, then for its domain.
    pub(crate) fn of(&self, sender: &str) -> Option<Way> {
        let (local, domain) = sender.split_at(sender.find('@').unwrap_or(sender.len()));
        let bare = without_extension(local, &self.delimiters).map(|local| format!("{local}{domain}"));
        let forms: Vec<&str> = [Some(sender), bare.as_deref(), Some(domain), Some(ALL)].into_iter().flatten().collect();
        let relay = forms.iter().find_map(|form| find(&self.relays, form));
        let relay = match relay.map(String::as_str) {
            None => self.relayhost.clone()?.0,
            Some(dunno) if dunno.eq_ignore_ascii_case("dunno") => self.relayhost.clone()?.0,
            Some(relay) => relay.to_owned(),
        };
        let own = forms.iter().filter(|_| self.by_sender).find_map(|form| self.login(form));
        let login = own.or_else(|| self.login_at(&relay));
        Some(Way { relay, login })
    }

    /// For senders without a row.
    pub(crate) fn default(&self) -> Option<Way> {
        self.of("")
    }

    fn login(&self, key: &str) -> Option<Login> {
        let login = find(&self.logins, key)?;
        self.used.borrow_mut().insert(key.to_owned());
        Some(login.clone())
    }

    /// By the host's bare name, then by the relay as written. Where the DNS says which hosts are called, Postfix asks for
    /// their names: one below the relay's domain is taken for one of them.
    fn login_at(&self, relay: &str) -> Option<Login> {
        let relays: Vec<String> = elements(&relay.to_lowercase());
        let written = relays.iter().find_map(|relay| self.login(host(relay)).or_else(|| self.login(relay)));
        let below = || self.logins.iter().find(|(key, _)| relays.iter().any(|relay| is_below(key, relay)));
        written.or_else(|| self.login(&below()?.0)).or_else(|| self.login(ALL))
    }

    /// Notes logins that nobody has got, and those that were got by a guess.
    pub(crate) fn tell_unused(&self, draft: &mut Draft) {
        let used = self.used.borrow();
        for (key, _) in &self.logins {
            let what = format!("smtp_sasl_password_maps entry for {key}");
            if used.contains(key) {
                if let Some(relay) = self.guessed_at(key) {
                    let how = format!("used as the login for {relay}, because it seems to be one of its mail hosts");
                    draft.changed(what, how);
                }
            } else if self.goes_elsewhere(key) {
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

    /// The relay that got this row only because it may be one of its mail hosts.
    fn guessed_at(&self, key: &str) -> Option<&str> {
        let all = self.relayhost.as_ref().map(|(relay, _)| relay);
        let mut relays = self.relays.iter().map(|(_, relay)| relay).chain(all);
        relays
            .find(|relay| elements(&relay.to_lowercase()).iter().any(|relay| is_below(key, relay)))
            .map(String::as_str)
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
