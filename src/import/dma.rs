//! dma.conf and auth.conf -> [`Draft`], as dma(8) explains them.

use std::collections::BTreeMap;
use std::path::Path;

use super::draft::{Draft, is_domain};
use super::said::Encryption;
use super::simple::Simple;
use crate::import::{ImportContext, ImportError};

type Settings = BTreeMap<String, String>;

/// Translates.
pub(crate) fn translate(context: &ImportContext<'_>) -> Result<Draft, ImportError> {
    let text = context.required(&context.main_file("dma.conf"))?;
    let mut settings = settings(&text);
    let mut draft = Draft::default();
    let mut simple = Simple {
        port: settings.remove("PORT").filter(|port| !port.is_empty()),
        fingerprint: settings.remove("FINGERPRINT"),
        client_cert: settings.remove("CERTFILE"),
        ..Simple::default()
    };
    if let Some(host) = settings.remove("SMARTHOST").filter(|host| !host.is_empty()) {
        simple.hosts = vec![host];
    } else {
        draft.is_direct("SMARTHOST");
    }
    simple.tls = tls(&mut settings, &mut draft);
    login(context, settings.remove("AUTHPATH"), &mut simple, &mut draft);
    names(context, &mut settings, &mut simple, &mut draft);
    local_mail(context, &mut settings, &mut draft);
    if settings.remove("FULLBOUNCE").is_some() {
        draft.queue.text("bounce_size", "50MB", "FULLBOUNCE");
    }
    for name in settings.keys() {
        let why = match name.as_str() {
            "DEFER" => "to send only on demand, set `delivery` to \"queue\" and run \"postrider flush\"",
            "SPOOLDIR" => "set `spool` instead",
            _ => "not supported",
        };
        draft.left_out(name.clone(), why);
    }
    simple.add(&mut draft);
    Ok(draft)
}

fn tls(settings: &mut Settings, draft: &mut Draft) -> Encryption {
    // dma(8) and dma.conf do not agree on its name.
    let secure = [settings.remove("SECURETRANSFER"), settings.remove("SECURETRANS")].iter().any(Option::is_some);
    if settings.remove("OPPORTUNISTIC_TLS").is_some() {
        draft.changed("OPPORTUNISTIC_TLS", "STARTTLS is now required");
    }
    if settings.remove("INSECURE").is_some() {
        draft.changed("INSECURE", "the password is sent only over TLS, unless `allow_plaintext` is set");
    }
    // How we always are.
    settings.remove("SECURE");
    if settings.remove("VERIFYCERT").is_some() {
        draft.no_effect("VERIFYCERT", "certificates are always verified");
    } else if secure {
        draft.changed(
            "VERIFYCERT",
            "it was not set, so any certificate was accepted; it must now be valid for the relay",
        );
    }
    match (settings.remove("STARTTLS").is_some(), secure) {
        (true, true) => Encryption::Starttls,
        (false, true) => Encryption::Implicit,
        (_, false) => Encryption::Clear,
    }
}

/// `user|smarthost:password`, or with a blank in the place of the colon.
fn login(context: &ImportContext<'_>, place: Option<String>, simple: &mut Simple, draft: &mut Draft) {
    let Some(place) = place else { return };
    let place = Path::new(&place);
    let beside = context.folder().join(place.file_name().unwrap_or_default());
    let Ok(text) = (context.read)(&beside).or_else(|_| (context.read)(place)) else {
        draft.left_out("AUTHPATH", format!("cannot read {}; add `username` and `password`", place.display()));
        return;
    };
    let host = simple.hosts.first().cloned().unwrap_or_default();
    for row in text.lines().filter(|row| !row.trim_start().starts_with('#')) {
        let parted = row.split_once('|').and_then(|(user, rest)| Some((user, rest.split_once([':', ' ', '\t'])?)));
        let Some((user, (at, password))) = parted else {
            continue;
        };
        if at.trim() == host {
            (simple.user, simple.password) = (Some(user.trim().to_owned()), Some(password.to_owned()));
        } else {
            draft.left_out(format!("auth.conf entry for {at}"), "it is for another host than SMARTHOST");
        }
    }
}

/// MAILNAME and MASQUERADE, which is `user@`, `host` or both.
fn names(context: &ImportContext<'_>, settings: &mut Settings, simple: &mut Simple, draft: &mut Draft) {
    let named = settings.remove("MAILNAME").filter(|name| !name.is_empty()).and_then(|name| {
        let line = |text: String| text.lines().next().map(|line| line.trim().to_owned());
        if name.starts_with('/') { (context.read)(Path::new(&name)).ok().and_then(line) } else { Some(name) }
    });
    let named = named.filter(|name| {
        let fits = is_domain(name);
        if !fits {
            draft.left_out(format!("MAILNAME {name}"), "not a domain name; set `hostname`");
        }
        fits
    });
    if let Some(name) = &named {
        draft.top.text("hostname", name, "MAILNAME");
    }
    let own = named.as_deref().unwrap_or(context.hostname);
    let Some(written) = settings.remove("MASQUERADE").filter(|written| !written.is_empty()) else { return };
    let (user, host) = written.split_once('@').unwrap_or(("", &written));
    match (user, host) {
        ("", host) if host.eq_ignore_ascii_case(own) => {}
        ("", host) => {
            draft.sends_as(own, host, &[], "MASQUERADE");
            draft.generic_is_for_senders(&[], "what dma rewrites, and From");
        }
        (user, "") => simple.from = Some(format!("{user}@{own}")),
        (user, host) => simple.from = Some(format!("{user}@{host}")),
    }
}

/// Aliases, and the mailboxes that dma writes to itself.
fn local_mail(context: &ImportContext<'_>, settings: &mut Settings, draft: &mut Draft) {
    let named = settings.remove("ALIASES");
    if settings.remove("NULLCLIENT").is_some() {
        draft.top.list("own_domains", &[], "NULLCLIENT: all mail goes to the relay, also that for this machine");
        return;
    }
    let aliases = named.unwrap_or_else(|| "/etc/aliases".to_owned());
    let text = (context.read)(Path::new(&aliases));
    let others = text.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_once(':'));
    let others = others.filter(|(name, _)| name.trim() == "*").map(|(_, values)| values.to_owned()).next();
    // With an address elsewhere for everybody, nothing stays.
    if !others.as_ref().is_some_and(|values| values.split(',').all(|value| value.contains('@'))) {
        draft.writes_mailboxes();
    }
    if text.is_err() {
        return;
    }
    let mut sources = vec![aliases];
    sources.extend(others.map(|values| format!("static:{}", values.trim())));
    let comment = if sources.len() > 1 { "ALIASES; the last is their entry *" } else { "ALIASES" };
    draft.top.list("aliases", &sources, comment);
}

/// `NAME value` lines; a `#` begins a comment wherever it stands.
fn settings(text: &str) -> Settings {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let lines = lines.filter(|line| !line.is_empty());
    let pair = |line: &str| {
        let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        (name.to_owned(), value.trim().to_owned())
    };
    lines.map(pair).collect()
}
