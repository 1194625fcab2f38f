//! `relayhost`, `sender_dependent_relayhost_maps` and `smtp_sasl_password_maps` -> accounts:
//! one for each pair of relay and login, with the senders that Postfix sends there.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::draft::{Draft, DraftAccount, Section};
use super::maincf::MainCf;
use super::postfix_options::{self, Options};
use crate::config::Secret;
use crate::mail::address::without_extension;

/// Name and password.
type Login = (String, String);

/// What one sender, or everybody else, is sent through.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    relay: String,
    login: Option<Login>,
}

/// The tables that decide it.
struct Ways {
    /// Sender -> relay as written.
    relays: Vec<(String, String)>,
    /// Sender or relay -> login.
    logins: Vec<(String, Login)>,
    by_sender: bool,
    relayhost: Option<String>,
    delimiters: String,
    /// Keys of `logins` that somebody has got.
    used: RefCell<BTreeSet<String>>,
}

/// Adds all accounts.
pub(super) fn accounts(main: &MainCf<'_>, draft: &mut Draft) {
    let ways = read(main, draft);
    let options = postfix_options::read(main, draft);
    let mut groups: Vec<(Way, Vec<String>)> = Vec::new();
    for sender in ways.senders() {
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
    unused(&ways, draft);
    match &default {
        Some(way) if !groups.iter().any(|(known, _)| known == way) => groups.insert(0, (way.clone(), Vec::new())),
        Some(_) => {}
        None => {
            draft.left_out(
                "relayhost",
                "it is empty: Postfix finds each recipient's mail server; add an account with `relay`",
            );
        }
    }
    for (way, senders) in groups {
        let name = add(main, draft, &way, &senders, &options);
        if Some(&way) == default.as_ref() {
            draft.top.text("default_account", &name, "relayhost");
        }
    }
}

fn read(main: &MainCf<'_>, draft: &mut Draft) -> Ways {
    let relayhost = main.get("relayhost").or_else(|| transport_for_all(main));
    let relays = rows(main, "sender_dependent_relayhost_maps", draft);
    let by_sender = main.is_yes("smtp_sender_dependent_authentication");
    let mut logins = Vec::new();
    let passwords = rows(main, "smtp_sasl_password_maps", draft);
    if main.is_yes("smtp_sasl_auth_enable") {
        for (key, value) in passwords {
            let (user, password) = value.split_once(':').unwrap_or((&value, ""));
            if password.is_empty() {
                draft.left_out(format!("smtp_sasl_password_maps row for {key}"), "it has no password behind a colon");
            } else {
                logins.push((key, (user.to_owned(), password.to_owned())));
            }
        }
    } else if !passwords.is_empty() {
        draft.left_out("smtp_sasl_password_maps", "smtp_sasl_auth_enable is not yes: Postfix logs in nowhere");
    }
    let delimiters = main.get("recipient_delimiter").unwrap_or_default();
    Ways { relays, logins, by_sender, relayhost, delimiters, used: RefCell::default() }
}

/// Logins that nobody has got, and those that were got by a guess.
fn unused(ways: &Ways, draft: &mut Draft) {
    let used = ways.used.borrow();
    for (key, _) in &ways.logins {
        let what = format!("smtp_sasl_password_maps row for {key}");
        if used.contains(key) {
            if let Some(relay) = ways.guessed_at(key) {
                draft.changed(what, format!("taken for the login at {relay}, one of whose mail hosts it seems to be"));
            }
        } else if key.contains('@') {
            draft.left_out(what, "smtp_sender_dependent_authentication is not yes: Postfix does not look for senders");
        } else {
            let why =
                "no relay is written so; if it is a mail host of one, set `username` and `password` of its account";
            draft.left_out(what, why);
        }
    }
}

fn rows(main: &MainCf<'_>, name: &str, draft: &mut Draft) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for element in main.list(name) {
        match main.table(&element).and_then(|table| main.rows(&table)) {
            Ok(rows) => all.extend(rows),
            Err(why) => draft.left_out(format!("{name} = {element}"), why),
        }
    }
    // Postfix asks in lower case.
    for (key, _) in &mut all {
        *key = key.to_lowercase();
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|(key, _)| seen.insert(key.clone()));
    all
}

/// `* relay:[host]` in `transport_maps`.
fn transport_for_all(main: &MainCf<'_>) -> Option<String> {
    let tables = main.list("transport_maps");
    let rows = tables.iter().filter_map(|element| main.table(element).and_then(|table| main.rows(&table)).ok());
    let all = rows.flatten().find(|(key, _)| key == "*")?.1;
    let host = all.strip_prefix("relay:").or_else(|| all.strip_prefix("smtp:"))?;
    Some(host.to_owned()).filter(|host| !host.is_empty())
}

impl Ways {
    /// All senders with a row of their own, as both tables write them.
    fn senders(&self) -> Vec<String> {
        let logins = self.logins.iter().filter(|_| self.by_sender).map(|(key, _)| key);
        let mut senders: Vec<String> = Vec::new();
        for key in self.relays.iter().map(|(key, _)| key).chain(logins).filter(|key| key.contains('@')) {
            if !senders.contains(key) {
                senders.push(key.clone());
            }
        }
        senders
    }

    /// Postfix asks for the address, for it without its extension, then for its domain.
    fn of(&self, sender: &str) -> Option<Way> {
        let (local, domain) = sender.split_at(sender.find('@').unwrap_or(sender.len()));
        let bare = without_extension(local, &self.delimiters).map(|local| format!("{local}{domain}"));
        let forms: Vec<&str> = [Some(sender), bare.as_deref(), Some(domain)].into_iter().flatten().collect();
        let relay = forms.iter().find_map(|form| find(&self.relays, form));
        let relay = match relay.map(String::as_str) {
            None => self.relayhost.clone()?,
            Some(dunno) if dunno.eq_ignore_ascii_case("dunno") => self.relayhost.clone()?,
            Some(relay) => relay.to_owned(),
        };
        let own = forms.iter().filter(|_| self.by_sender).find_map(|form| self.login(form));
        let login = own.or_else(|| self.login_at(&relay));
        Some(Way { relay, login })
    }

    fn default(&self) -> Option<Way> {
        let relay = self.relayhost.clone()?;
        Some(Way { login: self.login_at(&relay), relay })
    }

    fn login(&self, key: &str) -> Option<Login> {
        let login = find(&self.logins, key)?;
        self.used.borrow_mut().insert(key.to_owned());
        Some(login.clone())
    }

    /// By the host's bare name, then by the relay as written. Where the DNS says which hosts are called, Postfix asks for their
    /// names: one below the relay's domain is taken for one of them.
    fn login_at(&self, relay: &str) -> Option<Login> {
        let relay = relay.to_lowercase();
        let written = self.login(host(&relay)).or_else(|| self.login(&relay));
        written.or_else(|| {
            let (key, _) = self.logins.iter().find(|(key, _)| is_below(key, &relay))?;
            self.login(key)
        })
    }

    /// The relay that got this row only because it may be one of its mail hosts.
    fn guessed_at(&self, key: &str) -> Option<&str> {
        let mut relays = self.relays.iter().map(|(_, relay)| relay).chain(&self.relayhost);
        relays.find(|relay| is_below(key, &relay.to_lowercase())).map(String::as_str)
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
pub(super) fn host(relay: &str) -> &str {
    match relay.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => relay.split(':').next().unwrap_or(relay),
    }
}

/// As we write it: the port always.
fn with_port(relay: &str) -> String {
    let behind = relay.rsplit(']').next().unwrap_or(relay);
    let has_port = behind.contains(':');
    if has_port { relay.to_owned() } else { format!("{relay}:25") }
}

fn add(main: &MainCf<'_>, draft: &mut Draft, way: &Way, senders: &[String], options: &Options) -> String {
    let name = draft.account_name(host(&way.relay));
    let mut relays = vec![with_port(&way.relay)];
    relays.extend(main.list("smtp_fallback_relay").iter().map(|relay| with_port(relay)));
    let mut keys = Section::default();
    let comment = if with_port(&way.relay) == way.relay { "" } else { "port 25 is Postfix's default" };
    match relays.as_slice() {
        [only] => keys.text("relay", only, comment),
        several => keys.list("relay", several, "and smtp_fallback_relay"),
    }
    if let Some((user, _)) = &way.login {
        keys.text("username", user, "");
    }
    if !senders.is_empty() {
        keys.list("senders", senders, "");
    }
    options.write(&name, &way.relay, way.login.is_some(), &mut keys, draft);
    let secret = way.login.as_ref().map(|(_, password)| Secret::new(password.clone()));
    draft.accounts.push(DraftAccount { name: name.clone(), keys, secret });
    name
}
