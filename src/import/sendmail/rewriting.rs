//! genericstable and masquerading, which become `generic`: both change addresses of this machine on their way out.

use std::fmt::Write as _;

use super::settings::{Settings, rows};
use crate::import::draft::{Draft, OwnMail, inline, is_domain, names_of, quoted};
use crate::mail::address_class::AddressClass;

/// This machine, as mail knows it.
pub(super) struct Names {
    /// Its full name.
    pub(super) machine: String,
    /// All domains of which the mail is its own.
    pub(super) own: Vec<String>,
}

/// Sets `generic`: rows of genericstable first, as Sendmail asks them first.
pub(super) fn carry(
    settings: &Settings,
    names: &Names,
    members: &dyn Fn(&str) -> Vec<String>,
    read: &dyn Fn(&str) -> std::io::Result<String>,
    draft: &mut Draft,
) {
    let masquerade = masquerade(settings, draft);
    let mut sources = Vec::new();
    if let Some(file) = settings.map_file("generics") {
        let into = masquerade.as_deref().unwrap_or(&names.machine);
        match read(file) {
            Ok(text) => sources.extend(generics(&text, into, names, &members("G"), draft)),
            Err(error) => {
                draft.left_out(format!("genericstable {file}"), format!("cannot be read: {error}; set `generic`"));
            }
        }
    }
    if let Some(domain) = &masquerade {
        sources.extend(masqueraded(settings, names, domain, members, draft));
    }
    if sources.is_empty() {
        return;
    }
    draft.top.values("generic", &sources, "genericstable, MASQUERADE_AS");
    if draft.own_mail == OwnMail::Stays {
        let is_for_all = settings.has("allmasquerade");
        let and: &[AddressClass] = if is_for_all { &[AddressClass::HeaderRecipient] } else { &[] };
        draft.generic_is_for_senders(and, "what Sendmail rewrites");
    }
    if settings.has("masquerade_envelope") {
        return;
    }
    draft.changed(
        "masquerade_envelope",
        "it was not set, so the envelope sender stayed as it was; it is now rewritten as well",
    );
}

/// The domain that stands in the place of this machine's names.
fn masquerade(settings: &Settings, draft: &mut Draft) -> Option<String> {
    let written = settings.value("M")?;
    let domain = written.trim_end_matches('.');
    if !is_domain(domain) {
        draft.left_out(format!("MASQUERADE_AS {written}"), "not a domain name; set `generic`");
        return None;
    }
    if !settings.has("allmasquerade") && draft.own_mail == OwnMail::Leaves {
        draft.changed("allmasquerade", "addresses of this machine in To and Cc are rewritten as well");
    }
    if settings.has("masquerade_entire_domain") {
        let why = "only the domains themselves are rewritten, not those below them; add entries to `generic`";
        draft.left_out("masquerade_entire_domain", why);
    }
    Some(domain.to_owned())
}

/// Rows for the domains that are masqueraded, and before them for whom and what is not.
fn masqueraded(
    settings: &Settings,
    names: &Names,
    domain: &str,
    members: &dyn Fn(&str) -> Vec<String>,
    draft: &mut Draft,
) -> Option<String> {
    let is_limited = settings.has("limited_masquerade");
    // Names without a domain are masqueraded even so, and the machine's name completes them.
    let mut domains = if is_limited { vec![names.machine.clone()] } else { own_names(names) };
    let listed = members("M");
    if is_limited && !is_in(&listed, &names.machine) && !names.machine.eq_ignore_ascii_case(domain) {
        let how = format!("addresses that a program completed with {} are masqueraded as well", names.machine);
        draft.changed("limited_masquerade", how);
    }
    domains.extend(listed);
    domains.retain(|name| is_domain(name) && !name.eq_ignore_ascii_case(domain));
    let exceptions = members("N");
    let mut rows = Vec::new();
    let row = |key: &str, value: &str| format!("{} = {}", quoted(key), quoted(value));
    for name in unique(domains) {
        if is_in(&exceptions, &name) {
            continue;
        }
        for user in members("E") {
            let same = format!("{user}@{name}");
            rows.push(row(&same, &same));
        }
        rows.push(row(&format!("@{name}"), &format!("@{domain}")));
    }
    (!rows.is_empty()).then(|| inline(&rows))
}

fn own_names(names: &Names) -> Vec<String> {
    names_of(&names.machine).into_iter().chain(names.own.iter().cloned()).collect()
}

/// The same without repetitions.
pub(super) fn unique(names: Vec<String>) -> Vec<String> {
    let mut unique: Vec<String> = Vec::new();
    for name in names {
        if !unique.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            unique.push(name);
        }
    }
    unique
}

fn is_in(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// A copy of the table in our terms: bare names stand for the user in each domain of class G, and in that of this machine, which
/// completes names without a domain: those are looked up whatever is in the class.
fn generics(text: &str, into: &str, names: &Names, domains: &[String], draft: &mut Draft) -> Option<String> {
    let mut all = domains.to_vec();
    if !is_in(domains, &names.machine) {
        all.push(names.machine.clone());
    }
    let mut table = String::new();
    for (key, value) in rows(text) {
        let (user, domain) = key.split_once('@').map_or((key, None), |(user, domain)| (user, Some(domain)));
        let Some(address) = address(user, value, into) else {
            draft.left_out(format!("genericstable entry for {key}"), "patterns with + or % have no counterpart");
            continue;
        };
        match domain {
            // A row for a whole domain is for complete addresses alone.
            Some(domain) if is_in(if user.is_empty() { domains } else { &all }, domain) => {
                let _ = writeln!(table, "{key} {address}");
            }
            Some(_) => {
                draft.left_out(format!("genericstable entry for {key}"), "its domain is not in GENERICS_DOMAIN");
            }
            None => {
                for domain in &all {
                    let _ = writeln!(table, "{user}@{domain} {address}");
                }
            }
        }
    }
    if table.is_empty() {
        return None;
    }
    draft.changed("genericstable", "it is a copy: edit that in tables/ from now on");
    if all.len() > domains.len() {
        let how = format!(
            "{0} is not in it, so only names without a domain were looked up; addresses that a program completed with {0} now are \
             as well",
            names.machine
        );
        draft.changed("GENERICS_DOMAIN", how);
    }
    Some(quoted(&format!("hash:{}", draft.table("genericstable", table))))
}

/// What an address becomes: `%1` is the user where the row is for a whole domain.
pub(super) fn address(user: &str, value: &str, usual: &str) -> Option<String> {
    if user.contains('*') || user.ends_with('+') {
        return None;
    }
    let (local, domain) = value.split_once('@').unwrap_or((value, usual));
    match local {
        "%1" if user.is_empty() => Some(format!("@{domain}")),
        local if local.contains('%') || domain.contains('%') => None,
        local => Some(format!("{local}@{domain}")),
    }
}
