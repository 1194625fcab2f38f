//! Relay actions of `OpenSMTPD` as accounts: the relay's URL, the login of its label, and what else the action says.

use super::Source;
use super::config::{Action, Values};
use crate::import::draft::{Draft, is_domain};
use crate::import::said::Encryption;
use crate::import::simple::Simple;

/// `[proto://[label@]]host[:port]`.
struct Url<'a> {
    /// In lower case.
    scheme: String,
    label: Option<&'a str>,
    host: &'a str,
    port: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn of(text: &'a str) -> Self {
        let (scheme, rest) = text.split_once("://").unwrap_or(("smtp", text));
        let (label, place) = match rest.split_once('@') {
            Some((label, place)) => (Some(label), place),
            None => (None, rest),
        };
        // An address of IPv6 is in brackets.
        let end = place.find(']').map_or(0, |at| at + 1);
        let (host, port) = match place[end..].split_once(':') {
            Some((front, port)) => (&place[..end + front.len()], Some(port)),
            None => (place, None),
        };
        Self { scheme: scheme.to_ascii_lowercase(), label, host, port }
    }
}

/// Adds an account for each action, with the senders whose mail it is for.
pub(super) fn add_all(source: &Source<'_>, relays: &[(String, Vec<String>)], name: &str, draft: &mut Draft) {
    let is_direct = |action: &&Action| !action.has("host") && !action.has("domain");
    for (action, senders) in relays {
        let Some(found) = source.config.actions.get(action) else { continue };
        if is_direct(&found) {
            draft.is_direct(&format!("action {action} relay"));
            continue;
        }
        let Some(Values::One(url)) = found.option("host") else {
            draft.left_out(format!("action {action} relay"), "postrider chooses the relay by sender, not by recipient");
            continue;
        };
        add(source, (action, found), (&Url::of(url), senders), name, draft);
    }
    if relays.is_empty() {
        draft.left_out(
            "match for any",
            "no rule sends mail of this machine through a relay; add an account with `relay`",
        );
    }
}

fn add(
    source: &Source<'_>,
    (name, action): (&str, &Action),
    (url, senders): (&Url<'_>, &[String]),
    machine: &str,
    draft: &mut Draft,
) {
    let Some(tls) = encryption(url, name, action, draft) else { return };
    let mut simple = Simple {
        hosts: vec![url.host.to_owned()],
        port: url.port.map(str::to_owned),
        tls,
        senders: senders.to_vec(),
        ..Simple::default()
    };
    login(source, url, name, action, &mut simple, draft);
    sender(action, name, machine, &mut simple, draft);
    options(source, action, name, machine, &mut simple, draft);
    simple.add(draft);
    if senders.is_empty()
        && let Some(added) = draft.accounts.last()
    {
        let added = added.name.clone();
        draft.top.text("default_account", &added, format!("action {name}"));
    }
}

/// When TLS begins; `None`: it is not SMTP.
fn encryption(url: &Url<'_>, name: &str, action: &Action, draft: &mut Draft) -> Option<Encryption> {
    let is_verified = action.word("tls") != Some("no-verify");
    if !is_verified && url.scheme != "smtp+notls" {
        draft.changed(
            format!("TLS of action {name}"),
            "any certificate was accepted; it must now be valid for the relay",
        );
    }
    Some(match url.scheme.as_str() {
        "smtps" => Encryption::Implicit,
        "smtp+tls" => Encryption::Starttls,
        "smtp+notls" => Encryption::Clear,
        "smtp" if action.has("tls") => Encryption::Starttls,
        "smtp" => Encryption::Optional,
        other => {
            draft
                .left_out(format!("action {name} relay host {other}://{}", url.host), "postrider submits only by SMTP");
            return None;
        }
    })
}

/// The row of the label.
fn login(source: &Source<'_>, url: &Url<'_>, name: &str, action: &Action, simple: &mut Simple, draft: &mut Draft) {
    let Some(label) = url.label else {
        if action.has("auth") {
            draft.left_out(format!("auth of action {name}"), "the relay's URL has no label, so there is no login");
        }
        return;
    };
    let what = format!("login {label} of action {name}");
    let Some(table) = action.option("auth") else {
        draft.left_out(what, "the action names no table of logins; set `username` and `password`");
        return;
    };
    match source.values(table) {
        Err(why) => draft.left_out(what, format!("{why}; set `username` and `password`")),
        Ok(rows) => match rows.iter().find(|(key, _)| key.eq_ignore_ascii_case(label)).map(|(_, value)| value) {
            None => draft.left_out(what, "its table has no such label; set `username` and `password`"),
            Some(value) => {
                let (user, password) = value.split_once(':').unwrap_or((value, ""));
                simple.user = Some(user.to_owned());
                simple.password = Some(password.to_owned());
            }
        },
    }
}

/// `mail-from`: an address, or a domain in which the user stays who it is.
fn sender(action: &Action, name: &str, machine: &str, simple: &mut Simple, draft: &mut Draft) {
    let Some(address) = action.word("mail-from") else { return };
    match address.split_once('@') {
        // It is for the mail of this action alone, which `generic` cannot tell from other mail.
        Some(("", domain)) if is_domain(domain) && !simple.senders.is_empty() => match simple.senders.as_slice() {
            [only] if only.find('@').is_some_and(|at| at > 0) && !only.contains('*') => {
                simple.from = only.split_once('@').map(|(user, _)| format!("{user}@{domain}"));
            }
            _ => draft.changed(
                format!("mail-from {address} of action {name}"),
                "it is for several senders, which keep their addresses: add an entry to `generic` for each",
            ),
        },
        Some(("", domain)) if is_domain(domain) => {
            draft.sends_as(machine, domain, &[], "mail-from");
            draft.generic_is_for_senders(&[], "what mail-from is for, and From");
            draft.changed(format!("mail-from of action {name}"), "it now replaces this machine's name in From as well");
        }
        Some(_) => simple.from = Some(address.to_owned()),
        None => draft.left_out(format!("mail-from {address}"), "not a complete address; set `from` in the account"),
    }
}

fn options(source: &Source<'_>, action: &Action, name: &str, machine: &str, simple: &mut Simple, draft: &mut Draft) {
    for (option, value) in &action.options {
        let what = format!("{option} of action {name}");
        match (option.as_str(), value) {
            ("host" | "auth" | "tls" | "mail-from", _) => {}
            ("helo", Some(Values::One(helo))) => draft.greets_as(helo, machine, "helo"),
            ("src", Some(values)) => match source.values(values) {
                Ok(rows) => simple.source = rows.first().map(|(address, _)| address.clone()),
                Err(why) => draft.left_out(what, why),
            },
            ("pki", Some(Values::One(pki))) => {
                let file = |of: &str| {
                    let found = source.config.pki.iter().find(|(known, what, _)| known == pki && what == of);
                    found.map(|(.., file)| file.clone())
                };
                (simple.client_cert, simple.client_key) = (file("cert"), file("key"));
            }
            ("backup" | "domain", _) => draft.left_out(what, "postrider chooses the relay by sender, not by recipient"),
            ("srs", _) => draft.no_effect(what, "postrider forwards no mail of others"),
            ("ttl", _) => draft.left_out(what, "set `lifetime`, which holds for all accounts"),
            _ => draft.left_out(what, "not supported"),
        }
    }
}
