//! main.cf -> [`Draft`]: names, tables, limits and what is left out. Relays and logins are
//! in `postfix_accounts`, TLS and mechanisms in `postfix_options`.

pub mod accounts;
pub mod auth;
pub mod connection;
mod destinations;
pub mod expansion;
mod mailboxes;
pub mod main_cf;
pub mod master_cf;
mod mynetworks;
pub mod relays;
mod restrictions;
mod sasl;
mod submission;
pub mod tables;
pub mod tls;
pub mod unsupported;

use std::time::Duration;

use self::main_cf::{MainCf, elements};
use self::master_cf::Services;
use super::draft::{Draft, is_domain};
use crate::config::units;
use crate::import::{ImportContext, ImportError};

/// main.cf's table parameters, and our keys.
const TABLES: [(&str, &str); 6] = [
    ("smtp_generic_maps", "generic"),
    ("canonical_maps", "canonical"),
    ("sender_canonical_maps", "sender_canonical"),
    ("recipient_canonical_maps", "recipient_canonical"),
    ("virtual_alias_maps", "virtual"),
    ("alias_maps", "aliases"),
];

/// Translates Postfix's main.cf.
pub(crate) fn translate(context: &ImportContext<'_>) -> Result<Draft, ImportError> {
    let place = context.main_file("main.cf");
    let text = context.required(&place)?;
    let file = MainCf::new(context, &text);
    let master = (context.read)(&place.with_file_name("master.cf")).ok();
    let services = Services::read(master.as_deref());
    let main = file.with(services.options(master_cf::USUAL).unwrap_or_default());
    let mut draft = Draft::default();
    for line in main_cf::malformed(&text) {
        draft.left_out(format!("line \"{line}\""), "Postfix reads `name = value` alone");
    }
    for name in main.circular() {
        draft.left_out(name, "it refers to itself, at which Postfix stops; this reference is left out");
    }
    names(&main, context.hostname, &mut draft);
    for (name, key) in TABLES {
        let canonical_is_for = canonical_is_for(&main);
        if key == "canonical" && canonical_is_for.is_some() {
            continue;
        }
        let mut sources = tables::sources(&main, name, &mut draft);
        let mut by = name.to_owned();
        if canonical_is_for == Some(key) {
            // Asked after those of its own.
            sources.extend(tables::sources(&main, "canonical_maps", &mut draft));
            by.push_str(", canonical_maps with its canonical_classes");
        }
        if !sources.is_empty() {
            draft.top.values(key, &sources, by);
        }
        let folder = format!(":{}/", place.with_file_name("").display().to_string().trim_end_matches('/'));
        if sources.iter().any(|source| source.contains(&folder)) {
            draft.changed("tables", "they are read from Postfix's folder: keep them when you remove Postfix");
        } else if sources.iter().any(|source| source.contains(":tables/")) {
            draft.changed("tables", "they are copies: edit those in tables/ from now on");
        }
    }
    mailboxes::mailbox(&main, &mut draft);
    if !draft.top.sets("mailbox") {
        kept_by_virtual(&main, &mut draft);
    }
    rewriting(&main, &mut draft);
    let used = accounts::accounts(&file, &services, &mut draft);
    limits(&main, &mut draft);
    let own = destinations::own_names(&main, &mut draft);
    if draft.top.sets("generic") && draft.accounts.len() > 1 {
        draft.default_account_keeps(&own, "Postfix asks for the relay before smtp_generic_maps");
    }
    destinations::receives(&main, master.as_deref(), &mut draft);
    let listening = submission::listeners(&file, master.as_deref(), context.trust_networks, &mut draft);
    for server in &listening {
        unsupported::rest(&file.with(&server.options), &mut draft);
    }
    unsupported::rest(&main, &mut draft);
    for service in &used {
        unsupported::rest(&file.with(services.options(service).unwrap_or_default()), &mut draft);
    }
    if master.is_some() {
        let servers = listening.iter().map(|server| server.name.as_str());
        let all: Vec<&str> = used.iter().map(AsRef::as_ref).chain(servers).collect();
        draft.no_effect("master.cf", format!("only the options of these services are used: {}", all.join(", ")));
    }
    Ok(draft)
}

/// The key for `canonical_maps` where `canonical_classes` makes it that for senders, or for recipients.
fn canonical_is_for(main: &MainCf<'_>) -> Option<&'static str> {
    let classes = main.list("canonical_classes");
    let are_all = |end| !classes.is_empty() && classes.iter().all(|class| class.ends_with(end));
    match (are_all("_sender"), are_all("_recipient")) {
        (true, _) => Some("sender_canonical"),
        (_, true) => Some("recipient_canonical"),
        _ => None,
    }
}

fn names(main: &MainCf<'_>, machine: &str, draft: &mut Draft) {
    if let Some(name) = main.get("syslog_name").filter(|name| name != "postfix" && !name.contains('$')) {
        draft.top.text("syslog_name", &name, "syslog_name");
    }
    match main.get("myhostname") {
        Some(name) if is_domain(&name) => draft.top.text("hostname", &name, "myhostname"),
        Some(name) => draft.left_out(format!("myhostname = {name}"), "not a domain name; set `hostname`"),
        None if machine.contains('.') => {}
        None => {
            let name = main.or_default("myhostname", "$myhostname");
            draft.top.text("hostname", &name, "myhostname: this machine's name, with mydomain");
        }
    }
    append_dot(main, draft);
    if let Some(name) = main.get("smtp_helo_name").filter(|name| Some(name) != main.get("myhostname").as_ref()) {
        draft.left_out(
            "smtp_helo_name",
            format!("EHLO uses `hostname`; set it to \"{name}\" if the relay requires that"),
        );
    }
    match origin(main) {
        Some(Ok(origin)) if is_domain(&origin) => draft.top.text("origin", &origin, "myorigin"),
        Some(Ok(origin)) => draft.left_out(format!("myorigin = {origin}"), "not a domain name; set `origin`"),
        Some(Err(why)) => draft.left_out("myorigin", format!("{why}; set `origin`")),
        None => {}
    }
}

/// `myorigin`, or what stands in the file that it names.
fn origin(main: &MainCf<'_>) -> Option<Result<String, String>> {
    let origin = main.get("myorigin")?;
    if !origin.starts_with('/') {
        return Some(Ok(origin));
    }
    let text = main.read(&main.place(&origin));
    let first = text.map(|text| text.lines().next().unwrap_or_default().trim().to_owned());
    Some(first.map_err(|error| format!("cannot read {origin}: {error}")))
}

/// Virtual aliases that keep mail on the machine: the first of them.
fn kept_by_virtual(main: &MainCf<'_>, draft: &mut Draft) {
    const SHOWN: usize = 10;
    let own = [
        main.or_default("myhostname", "$myhostname"),
        main.or_default("myorigin", "$myhostname"),
        "localhost".to_owned(),
    ];
    let is_own = |address: &str| {
        address.rsplit_once('@').is_none_or(|(_, domain)| own.iter().any(|own| own.eq_ignore_ascii_case(domain)))
    };
    // What cannot be read was told above.
    let rows = tables::rows(main, "virtual_alias_maps", &mut Draft::default());
    let kept = rows.iter().filter(|(key, value)| !is_own(key) && elements(value).iter().any(|address| is_own(address)));
    for (key, value) in kept.take(SHOWN) {
        let how = format!(
            "{value} is a local mailbox: set `mailbox` to keep such mail here; otherwise it bounces unless aliases or generic map \
             it to an address"
        );
        draft.changed(format!("virtual_alias_maps entry for {key}"), how);
    }
}

fn rewriting(main: &MainCf<'_>, draft: &mut Draft) {
    draft.top.text("recipient_delimiter", &main.get("recipient_delimiter").unwrap_or_default(), "recipient_delimiter");
    for (name, key) in
        [("masquerade_domains", "masquerade_domains"), ("masquerade_exceptions", "masquerade_exceptions")]
    {
        let (values, tables): (Vec<String>, Vec<String>) =
            main.list(name).into_iter().partition(|value| !value.contains(['/', ':']));
        for table in tables {
            draft
                .left_out(format!("{name} = {table}"), format!("names are not read from tables; list them in `{key}`"));
        }
        if !values.is_empty() {
            draft.top.list(key, &values, name);
        }
    }
    if main.is_set("propagate_unmatched_extensions") {
        let known = ["canonical", "virtual", "alias", "generic"];
        let (kept, others): (Vec<String>, Vec<String>) =
            main.list("propagate_unmatched_extensions").into_iter().partition(|name| known.contains(&name.as_str()));
        draft.top.list("propagate_extensions", &kept, "propagate_unmatched_extensions");
        for other in others {
            draft.left_out(
                format!("propagate_unmatched_extensions = {other}"),
                "not supported, because postrider has no such files",
            );
        }
    }
    for (name, usual) in [
        ("canonical_classes", "envelope_sender envelope_recipient header_sender header_recipient"),
        ("sender_canonical_classes", "envelope_sender header_sender"),
        ("recipient_canonical_classes", "envelope_recipient header_recipient"),
        ("masquerade_classes", "envelope_sender header_sender header_recipient"),
    ] {
        let mut classes = main.list(name);
        let mut usual = elements(usual);
        classes.sort();
        usual.sort();
        let role = canonical_is_for(main).filter(|_| name == "canonical_classes");
        if let Some(role) = role {
            let end = role.trim_end_matches("canonical");
            usual.retain(|class| format!("{class}_").ends_with(&format!("_{end}")));
        }
        if !classes.is_empty() && classes != usual {
            draft.left_out(name, format!("the classes are always {}", usual.join(", ")));
        }
    }
}

fn limits(main: &MainCf<'_>, draft: &mut Draft) {
    match main.get("message_size_limit").as_deref().unwrap_or("10240000") {
        "0" => draft.left_out("message_size_limit", "there is always a limit; the default is 50MB"),
        text => match text.parse::<u64>() {
            Ok(octets) => draft.queue.line("max_message_size", octets.to_string(), "message_size_limit"),
            Err(_) => draft.left_out("message_size_limit", "not a number"),
        },
    }
    for (name, key, unit) in [
        ("minimal_backoff_time", "retry_min", 's'),
        ("maximal_backoff_time", "retry_max", 's'),
        ("maximal_queue_lifetime", "lifetime", 'd'),
        ("delay_warning_time", "warn_after", 'h'),
    ] {
        let Some(text) = main.get(name) else { continue };
        match time(&text, unit) {
            Ok(time) => draft.queue.text(key, &time, name),
            Err(why) => draft.left_out(name, why),
        }
    }
    let least = main.get("minimal_backoff_time").and_then(|text| units::duration(&time(&text, 's').ok()?).ok());
    if !main.is_set("maximal_backoff_time") && least.is_some_and(|least| least > Duration::from_hours(1)) {
        // Ours is an hour, and must not be shorter than the other.
        draft.queue.text("retry_max", "4000s", "maximal_backoff_time's default");
    }
    if !main.is_set("delay_warning_time") {
        draft.changed("delay_warning_time", "Postfix sends no delay notices; postrider sends one after `warn_after`");
    }
    if main.get("bounce_queue_lifetime").is_some_and(|time| Some(time) != main.get("maximal_queue_lifetime")) {
        draft.left_out("bounce_queue_lifetime", "`lifetime` applies to bounces as to other mail");
    }
}

/// Without a level, and with none set, Postfix completes domains that have no dot.
fn append_dot(main: &MainCf<'_>, draft: &mut Draft) {
    let appends = main.or_default("append_dot_mydomain", "${{$compatibility_level} < {1} ? {yes} : {no}}");
    if appends.eq_ignore_ascii_case("yes") {
        let domain = main.or_default("mydomain", "$mydomain");
        draft.changed(
            "append_dot_mydomain",
            format!("a domain without a dot is left unchanged; Postfix appends .{domain}"),
        );
    }
}

/// A time of main.cf as one of ours; a bare number has the parameter's own unit.
pub(crate) fn time(text: &str, unit: char) -> Result<String, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].chars().next().unwrap_or(unit);
    match (digits.trim().parse::<u32>(), unit) {
        (Ok(0), _) => Err("0 disables it in Postfix; postrider uses its default".to_owned()),
        (Ok(number), 's' | 'm' | 'h' | 'd' | 'w') => Ok(format!("{number}{unit}")),
        _ => Err(format!("\"{text}\" is not a time")),
    }
}

#[cfg(test)]
mod tests;
