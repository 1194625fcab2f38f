//! Exim as Debian sets it up -> [`Draft`]: update-exim4.conf.conf, passwd.client, /etc/email-addresses and /etc/aliases, as
//! update-exim4.conf(8) and exim4-config_files(5) explain them.

mod local_files;
mod lsearch;
mod smarthost;

use std::collections::BTreeMap;
use std::path::Path;

use self::lsearch::{Found, nwildlsearch};
use super::draft::{Draft, inline, is_domain, is_public, is_this_machine, quoted};
use super::said::Encryption;
use super::simple::{Simple, words};
use crate::import::{ImportContext, ImportError};
use crate::mail::address::Address;
use crate::mail::address_class::AddressClass;

/// Answers to debconf's questions that decide nothing here.
const WITHOUT_EFFECT: [&str; 4] = ["CFILEMODE", "dc_minimaldns", "dc_mailname_in_oh", "dc_localdelivery"];

/// Translates.
pub(crate) fn translate(context: &ImportContext<'_>) -> Result<Draft, ImportError> {
    let text = context.required(&context.main_file("update-exim4.conf.conf"))?;
    let mut settings = settings(&text);
    let mut take = |name: &str| settings.remove(name).filter(|value| !value.is_empty());
    let mut draft = Draft::default();
    let kind = take("dc_eximconfig_configtype").unwrap_or_default();
    let is_split = take("dc_use_split_config").is_some_and(|value| value == "true");
    let macros = if is_split { "conf.d/main/000_localmacros" } else { "exim4.conf.localmacros" };
    local_files::note(context, macros, &mut draft);
    let names = elements(&take("dc_other_hostnames").unwrap_or_default());
    let interfaces = elements(&take("dc_local_interfaces").unwrap_or_default());
    let own = own_domains(&names, context.hostname, &mut draft);
    if kind == "internet" {
        draft.serves("receives mail from others (dc_eximconfig_configtype)");
        draft.is_direct("dc_eximconfig_configtype");
    } else if !interfaces.iter().any(|address| !is_this_machine(address)) && !interfaces.is_empty() {
        // Nobody else can reach it.
    } else if let Some(name) = own.iter().find(|name| is_public(name)) {
        draft.serves(format!("receives mail for {name} (dc_local_interfaces, dc_other_hostnames)"));
    }
    for name in ["dc_relay_domains", "dc_relay_nets"] {
        if take(name).is_some() {
            draft.serves(format!("receives mail for others ({name})"));
        }
    }
    let hides = take("dc_hide_mailname").is_some_and(|value| value == "true");
    let host = take("dc_readhost").filter(|host| is_domain(host));
    senders(context, &Names { kind: &kind, own: &own, host: host.as_deref(), hides }, &mut draft);
    if (context.read)(Path::new("/etc/aliases")).is_ok() {
        draft.top.list("aliases", &["/etc/aliases".to_owned()], "");
    }
    if kind != "satellite" {
        draft.keeps_own_mail();
    }
    if let Some(smarthost) = take("dc_smarthost").filter(|_| ["smarthost", "satellite"].contains(&kind.as_str())) {
        relay(context, &smarthost, &mut draft);
    } else {
        draft.left_out("dc_smarthost", format!("not used with configtype \"{kind}\"; postrider needs a relay"));
    }
    for name in settings.keys() {
        if WITHOUT_EFFECT.contains(&name.as_str()) {
            draft.no_effect(name.clone(), "specific to Exim's files and mailboxes");
        } else {
            draft.left_out(name.clone(), "not supported");
        }
    }
    Ok(draft)
}

/// What decides about addresses of this machine.
struct Names<'a> {
    kind: &'a str,
    /// Local domains.
    own: &'a [String],
    /// `dc_readhost`.
    host: Option<&'a str>,
    /// `dc_hide_mailname`.
    hides: bool,
}

/// The mail name completes addresses, and is rewritten like the local domains without being one of them.
fn senders(context: &ImportContext<'_>, names: &Names<'_>, draft: &mut Draft) {
    let written = (context.read)(Path::new("/etc/mailname")).ok();
    let first = written.and_then(|text| Some(text.lines().next()?.split_whitespace().next()?.to_lowercase()));
    let mailname = first.filter(|name| is_domain(name)).unwrap_or_else(|| context.hostname.to_owned());
    draft.top.text("origin", &mailname, "/etc/mailname");
    let mut rows = email_addresses(context, draft);
    let is_satellite = names.kind == "satellite";
    if is_satellite && !rows.is_empty() {
        // `generic` is for recipients as well below, and these are for senders alone.
        draft.top.values("sender_canonical", &[inline(&rows)], "/etc/email-addresses");
        rows.clear();
    }
    let host = names.host.filter(|_| names.hides || is_satellite);
    if let Some(host) = host {
        let every = std::iter::once(&mailname).chain(names.own);
        let every = every.filter(|name| !name.eq_ignore_ascii_case(host));
        rows.extend(every.map(|name| format!("{} = {}", quoted(&format!("@{name}")), quoted(&format!("@{host}")))));
        if !names.hides {
            let how = format!("senders kept the domain of this machine; they now get {host} as well");
            draft.changed("dc_hide_mailname", how);
        }
    }
    if rows.is_empty() {
        return;
    }
    let comment = match host {
        Some(_) if is_satellite => "dc_readhost",
        Some(_) => "dc_readhost, /etc/email-addresses",
        None => "/etc/email-addresses",
    };
    draft.top.values("generic", &[inline(&rows)], comment);
    // A satellite sends the mail of its users to dc_readhost.
    let and: &[AddressClass] = if is_satellite { &[AddressClass::EnvelopeRecipient] } else { &[] };
    draft.generic_is_for_senders(and, "what Exim rewrites");
}

/// Those with the port and the login of the first are one account.
fn relay(context: &ImportContext<'_>, smarthost: &str, draft: &mut Draft) {
    let hosts = smarthost::hosts(smarthost);
    let Some((first, port)) = hosts.first().cloned() else { return };
    let passwords = lsearch::rows(&(context.read)(&context.file("passwd.client")).unwrap_or_default());
    let usual = login(&passwords, &first);
    match nwildlsearch(&passwords, &first) {
        Found::Row(_) => {}
        Found::Undecided(row) => {
            let why = format!("not known whether it is for {first}; if it is, set its login in the account");
            draft.left_out(format!("passwd.client entry for {}", row.key), why);
        }
        Found::Nothing => {
            for row in &passwords {
                let why = "it is not the relay's; if it is the name that the relay has in the DNS, set its login in the account";
                draft.left_out(format!("passwd.client entry for {}", row.key), why);
            }
        }
    }
    let (same, others): (Vec<_>, Vec<_>) =
        hosts.into_iter().partition(|(host, of)| *of == port && login(&passwords, host) == usual);
    for (host, of) in others {
        let difference = if of == port { "passwd.client has another login for it" } else { "its port is another" };
        draft.not_shared(&host, difference);
    }
    let tls = match port.as_deref() {
        Some("465") => Encryption::Implicit,
        _ => Encryption::Optional,
    };
    let simple = Simple {
        hosts: same.into_iter().map(|(host, _)| host).collect(),
        port,
        user: usual.as_ref().map(|(user, _)| user.clone()),
        password: usual.map(|(_, password)| password),
        tls,
        ..Simple::default()
    };
    simple.add(draft);
}

/// `user:password` of the row for a host.
fn login(passwords: &[lsearch::Row], host: &str) -> Option<(String, String)> {
    let Found::Row(row) = nwildlsearch(passwords, host) else { return None };
    row.data.split_once(':').map(|(user, password)| (user.trim().to_owned(), password.to_owned()))
}

/// `@:localhost:dc_other_hostnames`, where `@` is this machine's name.
fn own_domains(names: &[String], machine: &str, draft: &mut Draft) -> Vec<String> {
    let mut own: Vec<String> = vec![machine.to_owned(), "localhost".to_owned()];
    for name in names.iter().map(|name| name.to_lowercase()) {
        if !is_domain(&name) {
            let why = "only names are imported; list others in `own_domains`";
            draft.left_out(format!("dc_other_hostnames {name}"), why);
        } else if !own.contains(&name) {
            own.push(name);
        }
    }
    draft.top.list("own_domains", &own, "this machine's name, dc_other_hostnames");
    own
}

/// `user: address`, as rows.
fn email_addresses(context: &ImportContext<'_>, draft: &mut Draft) -> Vec<String> {
    let text = (context.read)(Path::new("/etc/email-addresses")).unwrap_or_default();
    let mut rows = Vec::new();
    for lsearch::Row { key, data } in lsearch::rows(&text) {
        let what = format!("/etc/email-addresses entry for {key}");
        if key.contains('@') {
            draft.no_effect(what, "Exim looks up user names without a domain");
        } else if !data.contains('@') || Address::parse(&data).is_err() {
            draft.left_out(what, format!("\"{data}\" is not a complete address"));
        } else {
            rows.push(format!("{} = {}", quoted(&key), quoted(&data)));
        }
    }
    rows
}

/// A list, between semicolons where it holds IPv6 addresses, else between colons.
fn elements(list: &str) -> Vec<String> {
    let list = list.trim_start_matches('<');
    let separator = if list.contains(';') { ';' } else { ':' };
    let is_one = list.trim().parse::<std::net::IpAddr>().is_ok();
    let parts: Vec<&str> = if is_one { vec![list] } else { list.split(separator).collect() };
    parts.into_iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// `name='value'` lines, as a shell reads them.
fn settings(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), words(value).concat())).collect()
}
