//! Exim as Debian sets it up -> [`Draft`]: update-exim4.conf.conf, passwd.client, /etc/email-addresses and /etc/aliases, as
//! update-exim4.conf(8) and exim4-config_files(5) explain them.

use std::collections::BTreeMap;
use std::path::Path;

use super::draft::{Draft, inline, is_domain, is_public, is_this_machine, quoted};
use super::said::Encryption;
use super::simple::{Simple, words};
use crate::import::{ImportContext, ImportError};
use crate::mail::address_class::AddressClass;

/// Answers to debconf's questions that decide nothing here.
const WITHOUT_EFFECT: [&str; 5] =
    ["CFILEMODE", "dc_use_split_config", "dc_minimaldns", "dc_mailname_in_oh", "dc_localdelivery"];

/// Translates.
pub(crate) fn translate(context: &ImportContext<'_>) -> Result<Draft, ImportError> {
    let text = context.required(&context.main_file("update-exim4.conf.conf"))?;
    let mut settings = settings(&text);
    let mut take = |name: &str| settings.remove(name).filter(|value| !value.is_empty());
    let mut draft = Draft::default();
    let kind = take("dc_eximconfig_configtype").unwrap_or_default();
    let names = elements(&take("dc_other_hostnames").unwrap_or_default());
    let interfaces = elements(&take("dc_local_interfaces").unwrap_or_default());
    if kind == "internet" {
        draft.serves("receives mail from others (dc_eximconfig_configtype)");
        draft.is_direct("dc_eximconfig_configtype");
    } else if !interfaces.iter().any(|address| !is_this_machine(address)) && !interfaces.is_empty() {
        // Nobody else can reach it.
    } else if let Some(name) = names.iter().find(|name| is_public(name)) {
        draft.serves(format!("receives mail for {name} (dc_local_interfaces, dc_other_hostnames)"));
    }
    for name in ["dc_relay_domains", "dc_relay_nets"] {
        if take(name).is_some() {
            draft.serves(format!("receives mail for others ({name})"));
        }
    }
    let mailname = (context.read)(Path::new("/etc/mailname")).ok().map(|text| text.trim().to_owned());
    let mailname = mailname.filter(|name| is_domain(name)).unwrap_or_else(|| context.hostname.to_owned());
    draft.top.text("origin", &mailname, "/etc/mailname");
    own_domains(&names, &mailname, &mut draft);
    let rows = email_addresses(context);
    let hides = take("dc_hide_mailname").is_some_and(|value| value == "true");
    match take("dc_readhost").filter(|host| is_domain(host) && (hides || kind == "satellite")) {
        Some(host) => {
            draft.sends_as(&mailname, &host, &rows, "dc_readhost, /etc/email-addresses");
        }
        None if rows.is_empty() => {}
        None => draft.top.values("generic", &[inline(&rows)], "/etc/email-addresses"),
    }
    if draft.top.sets("generic") {
        // A satellite sends the mail of its users to dc_readhost.
        let and: &[AddressClass] = if kind == "satellite" { &[AddressClass::EnvelopeRecipient] } else { &[] };
        draft.generic_is_for_senders(and, "what Exim rewrites");
    }
    if (context.read)(Path::new("/etc/aliases")).is_ok() {
        draft.top.list("aliases", &["/etc/aliases".to_owned()], "");
    }
    if kind == "smarthost" {
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

/// `host::port`, several of them between semicolons.
fn relay(context: &ImportContext<'_>, smarthost: &str, draft: &mut Draft) {
    let hosts: Vec<(&str, Option<&str>)> = smarthost
        .split(';')
        .map(|one| one.split_once("::").map_or((one.trim(), None), |(host, port)| (host.trim(), Some(port.trim()))))
        .collect();
    let Some((first, port)) = hosts.first().copied() else { return };
    let usual = login(context, first);
    let (same, others): (Vec<_>, Vec<_>) =
        hosts.into_iter().partition(|(host, of)| *of == port && login(context, host) == usual);
    for (host, of) in others {
        let difference = if of == port { "passwd.client has another login for it" } else { "its port is another" };
        draft.not_shared(host, difference);
    }
    let login = usual;
    let tls = match port {
        Some("465") => Encryption::Implicit,
        _ => Encryption::Optional,
    };
    let simple = Simple {
        hosts: same.into_iter().map(|(host, _)| host.to_owned()).collect(),
        port: port.map(str::to_owned),
        user: login.as_ref().map(|(user, _)| user.clone()),
        password: login.map(|(_, password)| password),
        tls,
        ..Simple::default()
    };
    simple.add(draft);
}

/// `host:user:password`, where the host may be `*` or start with it; the first row for the host counts.
fn login(context: &ImportContext<'_>, host: &str) -> Option<(String, String)> {
    let text = (context.read)(&context.file("passwd.client")).ok()?;
    let rows = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let fits = |pattern: &str| match pattern.strip_prefix('*') {
        Some(end) => host.to_lowercase().ends_with(&end.to_lowercase()),
        None => pattern.eq_ignore_ascii_case(host),
    };
    rows.filter_map(|row| row.split_once(':')).find(|(pattern, _)| fits(pattern.trim())).and_then(|(_, rest)| {
        rest.split_once(':').map(|(user, password)| (user.trim().to_owned(), password.to_owned()))
    })
}

fn own_domains(names: &[String], mailname: &str, draft: &mut Draft) {
    let mut own: Vec<String> = vec![mailname.to_owned(), "localhost".to_owned()];
    for name in names {
        if !is_domain(name) {
            draft.left_out(
                format!("dc_other_hostnames {name}"),
                "only names are imported; list others in `own_domains`",
            );
        } else if !own.contains(name) {
            own.push(name.clone());
        }
    }
    draft.top.list("own_domains", &own, "dc_other_hostnames");
}

/// `user: address`, as rows.
fn email_addresses(context: &ImportContext<'_>) -> Vec<String> {
    let Ok(text) = (context.read)(Path::new("/etc/email-addresses")) else { return Vec::new() };
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let rows = lines.filter_map(|line| line.split_once(':'));
    let rows = rows.filter(|(user, address)| !user.trim().is_empty() && !address.trim().is_empty());
    rows.map(|(user, address)| format!("{} = {}", quoted(user.trim()), quoted(address.trim()))).collect()
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
