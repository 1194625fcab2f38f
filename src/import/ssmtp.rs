//! ssmtp.conf and revaliases -> [`Draft`], as ssmtp.conf(5) and ssmtp(8) explain them.

use std::collections::BTreeMap;

use super::draft::{Draft, Elsewhere, inline, is_domain, quoted};
use super::said::Encryption;
use super::simple::Simple;
use crate::import::{ImportContext, ImportError};

/// What an option of the command line may say first.
const LOGIN: [&str; 3] = ["authuser", "authpass", "authmethod"];

/// Translates.
pub(crate) fn translate(context: &ImportContext<'_>) -> Result<Draft, ImportError> {
    let text = context.required(&context.main_file("ssmtp.conf"))?;
    let mut settings = settings(&text);
    let mut take = |name: &str| settings.remove(name).filter(|value| !value.is_empty());
    let mut draft = Draft::default();
    let simple = account(&mut take);
    draft.top.list("own_domains", &[], "ssmtp sends all mail to the relay, also that for this machine");
    let hostname = take("hostname").filter(|name| {
        let fits = is_domain(name);
        if !fits {
            draft.left_out(format!("hostname {name}"), "not a domain name; set `hostname`");
        }
        fits
    });
    let foreign = hostname.as_deref().filter(|name| !name.eq_ignore_ascii_case(context.hostname));
    let rows = revaliases(context, &simple, &mut draft);
    let rewritten = take("rewritedomain").filter(|domain| !domain.eq_ignore_ascii_case(context.hostname));
    match (&rewritten, foreign) {
        (Some(domain), _) => draft.sends_as(context.hostname, domain, &[], "rewriteDomain"),
        (None, Some(name)) => draft.top.text("origin", name, "hostname"),
        (None, None) => {}
    }
    if !rows.is_empty() {
        draft.top.values("sender_canonical", &[inline(&rows)], "revaliases");
    }
    if let Some(name) = &hostname {
        draft.greets_as(name, context.hostname, "hostname");
    }
    if let Some(root) = take("root") {
        draft.top.line("virtual", format!("[{{ root = {} }}]", quoted(&root)), "root");
        draft.top.text("postmaster", &root, "root");
        draft.changed("root", "only mail to root goes there; ssmtp sent mail to all system users there");
    }
    if yes(take("fromlineoverride")) {
        let how = "a From field that a program writes was the envelope sender as well; that is now the sender given with -f, or the \
                   login, and `sender_canonical` and `generic` decide what it becomes. Where the relay accepts one sender only, set `from` in the account";
        draft.changed("FromLineOverride", how);
    } else {
        draft.changed("FromLineOverride", "a From field is sent as the program writes it");
    }
    // It concerns ssmtp's own log.
    let _ = (take("debug"), take("usetlscert"));
    for name in settings.keys() {
        draft.left_out(name.clone(), "not supported");
    }
    simple.add(&mut draft);
    Ok(draft)
}

/// The relay with its login and TLS.
fn account(take: &mut impl FnMut(&str) -> Option<String>) -> Simple {
    let hub = take("mailhub").unwrap_or_else(|| "mailhub".to_owned());
    let (host, port) = host_and_port(&hub);
    Simple {
        hosts: vec![host.to_owned()],
        port: port.map(str::to_owned).or_else(|| take("remoteport")),
        user: take("authuser"),
        password: take("authpass"),
        ca: take("tls_ca_file"),
        client_cert: take("tlscert"),
        client_key: take("tlskey"),
        auth: match take("authmethod").map(|method| method.to_lowercase()).as_deref() {
            Some(method @ ("cram-md5" | "login")) => vec![method.to_owned()],
            Some(_) | None => Vec::new(),
        },
        tls: match (yes(take("usestarttls")), yes(take("usetls"))) {
            (true, _) => Encryption::Starttls,
            (false, true) => Encryption::Implicit,
            (false, false) => Encryption::Clear,
        },
        ..Simple::default()
    }
}

fn yes(value: Option<String>) -> bool {
    value.is_some_and(|value| value.eq_ignore_ascii_case("yes"))
}

/// `host:port`. An IPv6 address with a port is in brackets.
fn host_and_port(hub: &str) -> (&str, Option<&str>) {
    if let Some((host, port)) = hub.rsplit_once("]:") {
        return (host.trim_start_matches('['), Some(port));
    }
    match hub.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (hub, None),
    }
}

/// `local:outgoing@address[:mailhub]`, as rows.
fn revaliases(context: &ImportContext<'_>, relay: &Simple, draft: &mut Draft) -> Vec<String> {
    let Ok(text) = (context.read)(&context.file("revaliases")) else { return Vec::new() };
    let mut rows = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut parts = line.splitn(3, ':').map(str::trim);
        let (Some(user), Some(address), hub) = (parts.next(), parts.next(), parts.next()) else { continue };
        if user.is_empty() || address.is_empty() {
            continue;
        }
        // The last entry of a user counts.
        let key = format!("{} = ", quoted(user));
        rows.retain(|row: &String| !row.starts_with(&key));
        rows.push(format!("{key}{}", quoted(address)));
        draft.elsewhere.retain(|one| one.sender != user);
        let place = |(host, port): (&str, Option<&str>)| {
            format!("{}:{}", host.to_lowercase(), port.or(relay.port.as_deref()).unwrap_or("25"))
        };
        let usual = relay.hosts.first().map(|host| place((host, None)));
        if let Some(hub) = hub.filter(|hub| Some(place(host_and_port(hub))) != usual) {
            let why = "add an account with this relay and the address in its `senders`";
            draft.left_out(format!("revaliases mailhub {hub} for {user}"), why);
            draft.elsewhere.push(Elsewhere::relay(user, &place(host_and_port(hub))));
        }
    }
    rows
}

/// `name=value` lines, names in lower case; the first word of the value counts, and lines without `=` do not. The last line of a
/// name counts, but of a login the first.
fn settings(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let word = |value: &str| value.split_whitespace().next().unwrap_or_default().to_owned();
    let mut settings = BTreeMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once('=')) {
        let name = name.trim().to_lowercase();
        if !(LOGIN.contains(&name.as_str()) && settings.contains_key(&name)) {
            settings.insert(name, word(value));
        }
    }
    settings
}
