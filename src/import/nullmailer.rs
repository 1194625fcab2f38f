//! nullmailer's control files -> [`Draft`], as nullmailer-send(8), nullmailer-inject(1) and
//! nullmailer-queue(8) explain them.

use std::path::Path;

use super::draft::{Draft, inline, is_domain, quoted};
use super::said::Encryption;
use super::simple::{Simple, words};
use crate::import::{ImportContext, ImportError};

/// The first line of a one-line file.
fn line(context: &ImportContext<'_>, name: &str) -> Option<String> {
    first_line(&(context.read)(&context.file(name)).ok()?)
}

fn first_line(text: &str) -> Option<String> {
    text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned)
}

/// Translates.
pub(crate) fn translate(context: &ImportContext<'_>) -> Result<Draft, ImportError> {
    let remotes = context.required(&context.main_file("remotes"))?;
    let mut draft = Draft::default();
    // Debian's nullmailer has /etc/mailname in the place of `me`, and disregards that.
    let mailname = (context.read)(Path::new("/etc/mailname")).ok().and_then(|text| first_line(&text));
    let own = line(context, "me");
    let me = if context.source.starts_with("/etc") { mailname.or(own) } else { own.or(mailname) };
    if let Some(name) = line(context, "helohost").or_else(|| me.clone()) {
        if is_domain(&name) {
            draft.top.text("hostname", &name, "helohost or me");
        } else {
            draft.left_out(format!("helohost or me {name}"), "not a domain name; set `hostname`");
        }
    }
    draft.top.list("own_domains", &[], "nullmailer sends all mail to the relay, also that for this machine");
    let remote = account(&remotes, context, &mut draft);
    names(context, me.as_deref(), &remote, &mut draft);
    times(context, &mut draft);
    for (name, why) in [
        ("sendtimeout", "set `timeout` or `timeouts` in the account"),
        ("idhost", "Message-ID uses `hostname`"),
        ("bounceto", "bounces go to the sender of the message; those that nobody gets go to `postmaster`"),
        ("bouncelines", "set `bounce_size`, in octets"),
        ("defaultdomain", "a domain without a dot is left unchanged"),
        ("doublebounceto", "set `postmaster`"),
    ] {
        if line(context, name).is_some() {
            draft.left_out(name, why);
        }
    }
    remote.add(&mut draft);
    Ok(draft)
}

/// defaulthost and adminaddr.
fn names(context: &ImportContext<'_>, me: Option<&str>, remote: &Simple, draft: &mut Draft) {
    let own = me.filter(|me| is_domain(me)).unwrap_or(context.hostname).to_owned();
    match line(context, "defaulthost").filter(|name| !name.eq_ignore_ascii_case(&own)) {
        // Mail to a domain of ours goes nowhere, unless the provider has mailboxes there.
        Some(host) if remote.logs_in_at(&host) => draft.top.text("origin", &host, "defaulthost"),
        Some(host) => draft.sends_as(&own, &host, &[], "defaulthost"),
        None => draft.top.text("origin", &own, "me"),
    }
    let is_foreign = line(context, "defaulthost").is_some_and(|host| !host.eq_ignore_ascii_case(&own));
    let Some(address) = line(context, "adminaddr") else { return };
    if is_foreign {
        let how = "mail to a bare name goes there as well; nullmailer completed the name with defaulthost first";
        draft.changed("adminaddr", how);
    }
    let first = address.split(',').next().unwrap_or_default().trim().to_owned();
    let mut domains = vec!["localhost"];
    domains.extend(me.filter(|me| *me != "localhost"));
    let rows: Vec<String> =
        domains.iter().map(|own| format!("{} = {}", quoted(&format!("@{own}")), quoted(&address))).collect();
    draft.top.values("virtual", &[inline(&rows)], "adminaddr");
    draft.top.text("postmaster", &first, "adminaddr");
}

fn times(context: &ImportContext<'_>, draft: &mut Draft) {
    for (name, key) in [("pausetime", "retry_min"), ("maxpause", "retry_max"), ("queuelifetime", "lifetime")] {
        match line(context, name).map(|text| text.parse::<u64>()) {
            None => {}
            Some(Ok(0)) => draft.left_out(name, "0 is not supported; use \"postrider run --once\" for one pass"),
            Some(Ok(seconds)) => draft.queue.text(key, &format!("{seconds}s"), name),
            Some(Err(_)) => draft.left_out(name, format!("not a number of seconds; set `{key}`")),
        }
    }
}

/// All remotes that one account can hold.
fn account(remotes: &str, context: &ImportContext<'_>, draft: &mut Draft) -> Simple {
    let mut first: Option<Simple> = None;
    for remote in remotes.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some(simple) = remote_of(remote, context, draft) else { continue };
        match &mut first {
            None => first = Some(simple),
            Some(known) if known.same_login(&simple) => known.hosts.extend(simple.hosts),
            Some(_) => draft.not_shared(&simple.hosts.join(""), "its line in remotes has another login, port or TLS"),
        }
    }
    first.unwrap_or_default()
}

/// One line of remotes: host, protocol, options with or without `--`.
fn remote_of(remote: &str, context: &ImportContext<'_>, draft: &mut Draft) -> Option<Simple> {
    let mut words = words(remote).into_iter();
    let host = words.next()?;
    let mut simple = Simple { hosts: vec![host.clone()], from: line(context, "allmailfrom"), ..Simple::default() };
    for (number, word) in words.enumerate() {
        let (name, value) = word.split_once('=').map_or((word.as_str(), ""), |(name, value)| (name, value));
        let text = || Some(value.to_owned());
        match name.trim_start_matches("--") {
            "smtp" if number == 0 => {}
            "qmqp" if number == 0 => {
                draft.left_out(format!("remotes line for {host}"), "QMQP is not supported");
                return None;
            }
            "port" => simple.port = text(),
            "user" => simple.user = text(),
            "pass" => simple.password = text(),
            "source" => simple.source = text(),
            "tls" | "ssl" if simple.tls == Encryption::Clear => simple.tls = Encryption::Implicit,
            "tls" | "ssl" => {}
            "starttls" => simple.tls = Encryption::Starttls,
            "auth-login" => simple.auth = vec!["login".to_owned()],
            "auth-external" => simple.auth = vec!["external".to_owned()],
            "x509cafile" => simple.ca = text(),
            "x509certfile" => simple.client_cert = text(),
            "x509keyfile" => simple.client_key = text(),
            "insecure" => {
                draft.changed(format!("insecure for {host}"), "the certificate must now be valid for the relay");
            }
            other => draft.left_out(format!("remotes option {other} for {host}"), "not supported"),
        }
    }
    Some(simple)
}
