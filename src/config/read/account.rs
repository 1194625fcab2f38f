//! `[account.NAME]`: its keys, and what must stand together in it.

use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::faults::Faults;
use super::password::{is_machines, password};
use super::section::{At, Section, Value, not_zero, wrong_type};
use super::{Surroundings, fallback, oauth, transport};
use crate::config::keys::ACCOUNT_KEYS;
use crate::config::oauth::OAuth;
use crate::config::relay::Relay;
use crate::config::sender_pattern::{self, is_pattern};
use crate::config::{Account, Mechanism, MissingTo, TlsMode};
use crate::mail::address::Address;

const ADD_ONE: &str = "no account is configured: add a section [account.NAME] with `relay`, `username` and `password`";

/// All accounts, in the order of the file.
pub(super) fn accounts(around: &Surroundings, top: &Section, faults: &mut Faults) -> Vec<Account> {
    let Some(value) = top.get("account") else {
        // The machine's config is there before it is filled in: what programs hand in waits for that.
        if !is_machines(around) && !top.has("mailbox") {
            faults.add(0, ADD_ONE);
        }
        return Vec::new();
    };
    let DeValue::Table(table) = value.get_ref() else {
        wrong_type("account", "sections, [account.NAME]", value, faults);
        return Vec::new();
    };
    if table.is_empty() {
        faults.add(value.span().start, ADD_ONE);
    }
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let (mut accounts, mut fallbacks) = (Vec::new(), Vec::new());
    for (name, value) in entries {
        let at = name.span().start;
        let name: &str = name.get_ref();
        if let DeValue::Table(table) = value.get_ref() {
            fallbacks.extend(table.get("fallback").map(|value| At { at: value.span().start, value: name }));
        }
        match value.get_ref() {
            DeValue::Table(table) => accounts.push(account(around, At { at, value: name }, table, faults)),
            _ if ACCOUNT_KEYS.iter().any(|key| key.name == name) => {
                faults.add(
                    at,
                    format!("`{name}` belongs in a named section: write [account.NAME], such as [account.isp]"),
                );
            }
            _ => wrong_type("account", "sections, [account.NAME]", value, faults),
        }
    }
    fallback::check(&accounts, &fallbacks, faults);
    accounts
}

fn account(around: &Surroundings, name: At<&str>, table: &DeTable, faults: &mut Faults) -> Account {
    // The name stands in log lines and on command lines.
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
    if name.value.is_empty() || name.value.starts_with('-') || !name.value.chars().all(fits) {
        faults.add(name.at, "account names may contain only letters, digits and - _ . @ +, and must not start with -");
    }
    let section = Section::open(table, ACCOUNT_KEYS, faults);
    credentials_stand_together(&section, faults);
    let relays = relays(around, &section, name.at, faults);
    let username = section.text("username", faults).map(|text| text.value.to_owned());
    let of_account = oauth::Account { name: name.value, username: username.as_deref(), relays: &relays };
    let oauth = oauth_of(around, &of_account, &section, faults);
    let account = Account {
        name: name.value.to_owned(),
        lmtp: None,
        relays,
        tls: tls(&section, faults),
        tls_ca: section.path("tls_ca", around, faults),
        tls_name: tls_name(&section, faults),
        tls_fingerprint: transport::fingerprints(&section, faults),
        tls_client: transport::client_certificate(around, &section, faults),
        tls_min: transport::tls_min(&section, faults),
        username,
        password: section.get("password").and_then(|value| password(around, name.value, value, faults)),
        auth: auth(&section, faults),
        senders: senders(&section, faults),
        users: users("users", &section, faults),
        clients: users("clients", &section, faults),
        fallback: section.text("fallback", faults).map(|text| text.value.to_owned()),
        sender_grace: section.duration("sender_grace", faults).map_or(Duration::from_hours(24), |read| read.value),
        timeout: timeout(&section, faults),
        timeouts: transport::timeouts(&section, faults),
        source_address: transport::source_address(&section, faults),
        max_per_minute: section.count("max_per_minute", faults),
        early_data: section.flag("early_data", faults).unwrap_or(false),
        discard_ehlo_keywords: transport::discard_ehlo_keywords(&section, faults),
        max_connections: section.count("max_connections", faults).unwrap_or(2),
        max_messages_per_connection: section.count("max_messages_per_connection", faults).unwrap_or(100),
        allow_plaintext: section.flag("allow_plaintext", faults).unwrap_or(false),
        from: from(&section, faults),
        missing_to: missing_to(&section, faults),
        oauth,
    };
    transport::needed_is_kept(&account, &section, faults);
    account
}

/// `oauth`, which takes the place of a password.
fn oauth_of(
    around: &Surroundings,
    account: &oauth::Account<'_>,
    section: &Section,
    faults: &mut Faults,
) -> Option<Box<OAuth>> {
    let value = section.get("oauth")?;
    let at = value.span().start;
    if section.has("password") {
        faults.add(at, "`oauth` and `password`: an account logs in with one of them; remove the other");
    }
    let is_without_tls =
        matches!(section.get("tls").map(Value::get_ref), Some(DeValue::String(mode)) if mode == "none");
    let is_plaintext = matches!(section.get("allow_plaintext").map(Value::get_ref), Some(DeValue::Boolean(true)));
    if is_without_tls || is_plaintext {
        faults.add(at, "`oauth` needs TLS: remove tls = \"none\" and allow_plaintext");
    }
    oauth::oauth(around, account, value, faults).map(Box::new)
}

/// An empty list would be an account that nobody may use.
fn users(name: &str, section: &Section, faults: &mut Faults) -> Option<Vec<String>> {
    let logins = section.texts(name, faults)?;
    if logins.is_empty() {
        let at = section.get(name).map_or(0, |value| value.span().start);
        faults.add(at, format!("`{name}` is empty, so that none may use the account: list names, or remove the key"));
    }
    Some(logins.into_iter().map(|login| login.value.to_owned()).collect())
}

fn credentials_stand_together(section: &Section, faults: &mut Faults) {
    match (section.get("username"), section.get("password")) {
        // EXTERNAL logs in by certificate; the username says as whom.
        (Some(_), None) if section.has("tls_client_cert") || section.has("oauth") => {}
        (Some(username), None) => {
            faults.add(
                username.span().start,
                "`username` without `password`: add `password`, or remove both if the relay needs no login",
            );
        }
        (None, Some(password)) => {
            faults.add(
                password.span().start,
                "`password` without `username`: add `username`, or remove both if the relay needs no login",
            );
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
}

fn relays(around: &Surroundings, section: &Section, header: usize, faults: &mut Faults) -> Vec<Relay> {
    let Some(texts) = section.texts("relay", faults) else {
        if !section.has("relay") {
            faults.add(
                header,
                "this account has no `relay`: add relay = \"[HOST]:submission\" with the provider's host name",
            );
        }
        return Vec::new();
    };
    let mut relays = Vec::new();
    for text in texts {
        match Relay::parse(text.value, around.services) {
            Ok(relay) => relays.push(relay),
            Err(error) => faults.add(text.at, format!("`relay`: {error}")),
        }
    }
    relays
}

fn tls(section: &Section, faults: &mut Faults) -> Option<TlsMode> {
    let text = section.text("tls", faults)?;
    match text.value {
        "starttls" => Some(TlsMode::Starttls),
        "implicit" => Some(TlsMode::Implicit),
        "none" => Some(TlsMode::None),
        _ => {
            let message = "`tls` must be \"starttls\" (port 587), \"implicit\" (port 465) or \"none\"";
            faults.add(text.at, message);
            None
        }
    }
}

fn tls_name(section: &Section, faults: &mut Faults) -> Option<String> {
    let text = section.text("tls_name", faults)?;
    let address = text.value.parse::<std::net::IpAddr>().is_ok();
    if !address && (text.value.starts_with('[') || Address::new("x", text.value).is_err()) {
        faults.add(text.at, "`tls_name` must be a name from the relay's certificate, such as \"smtp.example.com\"");
    }
    Some(text.value.to_owned())
}

/// Where the password is; a literal only where nobody else can read the file.
fn auth(section: &Section, faults: &mut Faults) -> Vec<Mechanism> {
    let Some(texts) = section.texts("auth", faults) else {
        return if section.has("oauth") { Mechanism::for_tokens() } else { Mechanism::usual() };
    };
    let mut mechanisms = Vec::new();
    for text in texts {
        match Mechanism::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(text.value)) {
            Some(mechanism) if mechanisms.contains(&mechanism) => {}
            Some(mechanism) => mechanisms.push(mechanism),
            None => {
                let known = Mechanism::ALL.map(|mechanism| format!("\"{}\"", mechanism.name().to_lowercase()));
                faults.add(
                    text.at,
                    format!("`auth` lists an unknown mechanism; the known ones are {}", known.join(", ")),
                );
            }
        }
    }
    mechanisms
}

fn senders(section: &Section, faults: &mut Faults) -> Vec<String> {
    let texts = section.texts("senders", faults).unwrap_or_default();
    check_senders("senders", &texts, faults);
    texts.iter().map(|text| text.value.to_owned()).collect()
}

/// A fault for each element that is none of the forms in which senders are looked up.
pub(super) fn check_senders(name: &str, texts: &[At<&str>], faults: &mut Faults) {
    let (patterns, addresses): (Vec<At<&str>>, Vec<At<&str>>) =
        texts.iter().copied().partition(|text| is_pattern(text.value));
    for pattern in patterns {
        if let Err(error) = sender_pattern::check(pattern.value) {
            faults.add(pattern.at, format!("`{name}` has an invalid pattern: {error}"));
        }
    }
    check_addresses(name, &addresses, faults);
}

/// A fault for each element that is none of the forms in which addresses are looked up.
pub(super) fn check_addresses(name: &str, texts: &[At<&str>], faults: &mut Faults) {
    for text in texts {
        if is_pattern(text.value) {
            faults.add(text.at, format!("`{name}` takes no patterns: list \"user@domain\", \"user\" or \"@domain\""));
            continue;
        }
        let checked = match text.value.strip_prefix('@') {
            Some(domain) => Address::new("x", domain),
            None if text.value.contains('@') => Address::parse(text.value),
            None => Address::parse(&format!("{}@x", text.value)),
        };
        if let Err(error) = checked {
            faults.add(
                text.at,
                format!(
                    "`{name}` must list addresses as \"user@domain\", \"user\" or \"@domain\", one per element: {error}"
                ),
            );
        }
    }
}

pub(super) fn from(section: &Section, faults: &mut Faults) -> Option<Address> {
    let text = section.text("from", faults)?;
    match Address::parse(text.value) {
        Ok(address) => Some(address),
        Err(error) => {
            faults.add(text.at, format!("`from` must be one address, \"user@domain\": {error}"));
            None
        }
    }
}

fn missing_to(section: &Section, faults: &mut Faults) -> Option<MissingTo> {
    let text = section.text("missing_to", faults)?;
    match text.value {
        "undisclosed" => Some(MissingTo::Undisclosed),
        "recipients" => Some(MissingTo::Recipients),
        _ => {
            faults.add(text.at, "`missing_to` must be \"undisclosed\" or \"recipients\"");
            None
        }
    }
}

fn timeout(section: &Section, faults: &mut Faults) -> Option<Duration> {
    let timeout = section.duration("timeout", faults)?;
    not_zero("timeout", &timeout, faults);
    Some(timeout.value)
}
