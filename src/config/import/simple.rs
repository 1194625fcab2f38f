//! nullmailer, ssmtp and dma -> [`Draft`]: one relay host, one login, a few names.

use std::collections::BTreeMap;

use super::draft::{Draft, DraftAccount, Section, quoted};
use super::{Given, ImportError};
use crate::config::Secret;

/// What all three come down to.
#[derive(Debug, Default)]
pub(super) struct Simple {
    pub(super) hosts: Vec<String>,
    pub(super) port: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) tls: Wire,
    pub(super) ca: Option<String>,
    pub(super) from: Option<String>,
    pub(super) auth: Option<&'static str>,
}

/// How it spoke to the relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Wire {
    #[default]
    Clear,
    Starttls,
    Implicit,
}

impl Simple {
    /// Adds the account.
    pub(super) fn add(self, draft: &mut Draft) {
        let Some(first) = self.hosts.first() else {
            draft.left_out("relay", "no host is named; add an account with `relay`");
            return;
        };
        let name = draft.account_name(first);
        let usual = if self.tls == Wire::Implicit { "465" } else { "25" };
        let port = self.port.as_deref().unwrap_or(usual);
        let relays: Vec<String> = self.hosts.iter().map(|host| format!("[{host}]:{port}")).collect();
        let mut keys = Section::default();
        match relays.as_slice() {
            [only] => keys.text("relay", only, ""),
            several => keys.list("relay", several, ""),
        }
        let login = self.user.is_some() && self.password.is_some();
        match self.tls {
            Wire::Implicit => keys.text("tls", "implicit", ""),
            Wire::Starttls => keys.text("tls", "starttls", ""),
            Wire::Clear if login => {
                keys.text("tls", "starttls", "turned on: the password is not sent in the clear");
                draft.changed(
                    format!("TLS for account {name}"),
                    "the password was sent in the clear; TLS is now required",
                );
            }
            Wire::Clear => keys.text("tls", "none", "as before; set \"starttls\" if the relay offers it"),
        }
        if let Some(ca) = &self.ca {
            keys.text("tls_ca", ca, "");
        }
        if let (Some(user), true) = (&self.user, login) {
            keys.text("username", user, "");
        }
        if let Some(auth) = self.auth {
            keys.list("auth", &[auth.to_owned()], "");
        }
        if let Some(from) = &self.from {
            keys.text("from", from, "takes the place of the envelope sender and of From");
            draft.changed("sender", format!("<{from}> now stands in From as well, not in the envelope alone"));
        }
        let secret = self.password.filter(|_| login).map(Secret::new);
        draft.accounts.push(DraftAccount { name, keys, secret });
    }
}

/// The first line of a one-line file.
fn line(given: &Given<'_>, name: &str) -> Option<String> {
    let text = (given.read)(&given.file(name)).ok()?;
    text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned)
}

/// nullmailer's control files.
pub(super) fn nullmailer(given: &Given<'_>) -> Result<Draft, ImportError> {
    let remotes = given.required(&given.file("remotes"))?;
    let mut draft = Draft::default();
    let me = line(given, "me");
    if let Some(name) = line(given, "helohost").or_else(|| me.clone()) {
        draft.top.text("hostname", &name, "me, or helohost");
    }
    if let Some(origin) = line(given, "defaulthost").or_else(|| me.clone()) {
        draft.top.text("origin", &origin, "me, or defaulthost");
    }
    if let Some(address) = line(given, "adminaddr") {
        let first = address.split(',').next().unwrap_or_default().trim().to_owned();
        let rows: Vec<String> = ["localhost"]
            .into_iter()
            .chain(me.as_deref())
            .map(|own| format!("{} = {}", quoted(&format!("@{own}")), quoted(&address)))
            .collect();
        draft.top.line("virtual", format!("[{{ {} }}]", rows.join(", ")), "adminaddr");
        draft.top.text("postmaster", &first, "adminaddr");
    }
    for (name, key) in [("pausetime", "retry_min"), ("maxpause", "retry_max"), ("queuelifetime", "lifetime")] {
        if let Some(seconds) = line(given, name) {
            draft.queue.text(key, &format!("{seconds}s"), name);
        }
    }
    for (name, why) in [
        ("sendtimeout", "steps have limits of their own, `timeout`"),
        ("idhost", "Message-ID takes `hostname`"),
        ("defaultdomain", "a domain without a dot stays as it is"),
        ("doublebounceto", "set `postmaster`"),
    ] {
        if line(given, name).is_some() {
            draft.left_out(name, why);
        }
    }
    let mut first: Option<Simple> = None;
    for remote in remotes.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some(simple) = remote_of(remote, given, &mut draft) else { continue };
        match &mut first {
            None => first = Some(simple),
            Some(known) if known.same_login(&simple) => known.hosts.extend(simple.hosts),
            Some(_) => draft.left_out(
                format!("remotes line for {}", simple.hosts.join("")),
                "it has a login, port or TLS of its own: one account's relays share them",
            ),
        }
    }
    first.unwrap_or_default().add(&mut draft);
    Ok(draft)
}

impl Simple {
    fn same_login(&self, other: &Self) -> bool {
        (&self.port, &self.user, &self.password, self.tls) == (&other.port, &other.user, &other.password, other.tls)
    }
}

fn remote_of(remote: &str, given: &Given<'_>, draft: &mut Draft) -> Option<Simple> {
    let mut words = words(remote).into_iter();
    let host = words.next()?;
    let mut simple = Simple { hosts: vec![host.clone()], from: line(given, "allmailfrom"), ..Simple::default() };
    for word in words {
        let (name, value) = word.split_once('=').map_or((word.as_str(), ""), |(name, value)| (name, value));
        match name {
            "smtp" => {}
            "--port" => simple.port = Some(value.to_owned()),
            "--user" => simple.user = Some(value.to_owned()),
            "--pass" => simple.password = Some(value.to_owned()),
            "--ssl" => simple.tls = Wire::Implicit,
            "--starttls" => simple.tls = Wire::Starttls,
            "--auth-login" => simple.auth = Some("login"),
            "--x509cafile" => simple.ca = Some(value.to_owned()),
            "--insecure" => {
                draft.changed(format!("--insecure for {host}"), "the certificate must now be valid for the relay");
            }
            other => draft.left_out(format!("remotes option {other} for {host}"), "postrider has nothing like it"),
        }
    }
    // tls and ssl together: ssl means from the first byte unless starttls is asked for
    Some(simple)
}

/// Words with quotes and backslashes, as a shell has them.
pub(super) fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.extend(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => (quote, begun) = (Some(c), true),
            (c, None) if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (c, _) => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}

/// ssmtp.conf and revaliases.
pub(super) fn ssmtp(given: &Given<'_>) -> Result<Draft, ImportError> {
    let text = given.required(&given.file("ssmtp.conf"))?;
    let mut settings = pairs(&text, '=');
    let mut take = |name: &str| settings.remove(name).filter(|value| !value.is_empty());
    let mut draft = Draft::default();
    let mut simple = Simple::default();
    let hub = take("mailhub").unwrap_or_else(|| "mail".to_owned());
    let (host, port) = hub.split_once(':').map_or((hub.as_str(), None), |(host, port)| (host, Some(port)));
    simple.hosts = vec![host.to_owned()];
    simple.port = port.map(str::to_owned);
    simple.user = take("authuser");
    simple.password = take("authpass");
    simple.ca = take("tls_ca_file");
    simple.auth = take("authmethod").and_then(|method| method.eq_ignore_ascii_case("login").then_some("login"));
    let yes = |value: Option<String>| value.is_some_and(|value| value.eq_ignore_ascii_case("yes"));
    simple.tls = match (yes(take("usestarttls")), yes(take("usetls"))) {
        (true, _) => Wire::Starttls,
        (false, true) => Wire::Implicit,
        (false, false) => Wire::Clear,
    };
    if let Some(name) = take("hostname") {
        draft.top.text("hostname", &name, "hostname");
    }
    if let Some(domain) = take("rewritedomain") {
        draft.top.text("origin", &domain, "rewriteDomain");
    }
    if let Some(root) = take("root") {
        draft.top.line("aliases", format!("[{{ root = {} }}]", quoted(&root)), "root");
        draft.top.text("postmaster", &root, "root");
        draft.changed("root", "mail to root goes there; ssmtp sent that of all system users there");
    }
    let _ = (take("fromlineoverride"), take("debug"));
    for name in settings.keys() {
        draft.left_out(name.clone(), "postrider has nothing like it");
    }
    revaliases(given, &mut draft);
    simple.add(&mut draft);
    Ok(draft)
}

/// `local:outgoing@address[:mailhub]`.
fn revaliases(given: &Given<'_>, draft: &mut Draft) {
    let Ok(text) = (given.read)(&given.file("revaliases")) else { return };
    let mut rows = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut parts = line.splitn(3, ':').map(str::trim);
        let (Some(user), Some(address), hub) = (parts.next(), parts.next(), parts.next()) else { continue };
        rows.push(format!("{} = {}", quoted(user), quoted(address)));
        if let Some(hub) = hub {
            let why = "add an account with this relay and the address in its `senders`";
            draft.left_out(format!("revaliases mailhub {hub} for {user}"), why);
        }
    }
    if !rows.is_empty() {
        draft.top.line("generic", format!("[{{ {} }}]", rows.join(", ")), "revaliases");
    }
}

/// dma.conf and auth.conf.
pub(super) fn dma(given: &Given<'_>) -> Result<Draft, ImportError> {
    let text = given.required(&given.file("dma.conf"))?;
    let mut settings = pairs(&text, ' ');
    let mut draft = Draft::default();
    let mut simple = Simple::default();
    let mut take = |name: &str| settings.remove(name);
    match take("smarthost").filter(|host| !host.is_empty()) {
        Some(host) => simple.hosts = vec![host],
        None => draft.left_out("SMARTHOST", "it is not set: dma finds each recipient's mail server itself"),
    }
    simple.port = take("port").filter(|port| !port.is_empty());
    simple.tls = match (take("starttls").is_some(), take("securetransfer").is_some()) {
        (true, true) => Wire::Starttls,
        (false, true) => Wire::Implicit,
        (_, false) => Wire::Clear,
    };
    let place = take("authpath").unwrap_or_else(|| "auth.conf".to_owned());
    let place = std::path::Path::new(&place);
    let beside = given.file("dma.conf").with_file_name(place.file_name().unwrap_or_default());
    if let Ok(text) = (given.read)(&beside).or_else(|_| (given.read)(place)) {
        let host = simple.hosts.first().cloned().unwrap_or_default();
        for row in text.lines().filter(|row| !row.trim_start().starts_with('#')) {
            let Some((user, (at, password))) = row.split_once('|').and_then(|(u, r)| Some((u, r.split_once(':')?)))
            else {
                continue;
            };
            if at.trim() == host {
                (simple.user, simple.password) = (Some(user.trim().to_owned()), Some(password.to_owned()));
            } else {
                draft.left_out(format!("auth.conf row for {at}"), "it is not the SMARTHOST's");
            }
        }
    }
    if let Some(name) = take("mailname").filter(|name| !name.is_empty()) {
        let name = if name.starts_with('/') {
            (given.read)(std::path::Path::new(&name)).ok().and_then(|text| text.lines().next().map(str::to_owned))
        } else {
            Some(name)
        };
        if let Some(name) = name {
            draft.top.text("hostname", name.trim(), "MAILNAME");
        }
    }
    match take("masquerade").unwrap_or_default().split_once('@').map(|(user, host)| (user.to_owned(), host.to_owned()))
    {
        Some((user, host)) if !user.is_empty() && !host.is_empty() => simple.from = Some(format!("{user}@{host}")),
        Some((_, host)) if !host.is_empty() => draft.top.text("origin", &host, "MASQUERADE"),
        Some((user, _)) => draft.left_out("MASQUERADE", format!("set `from` of the account to \"{user}@...\"")),
        None => {}
    }
    let aliases = take("aliases").unwrap_or_else(|| "/etc/aliases".to_owned());
    if (given.read)(std::path::Path::new(&aliases)).is_ok() {
        draft.top.list("aliases", &[aliases], "ALIASES");
    }
    let _ = (take("spooldir"), take("nullclient"), take("opportunistic_tls"));
    for name in settings.keys() {
        draft.left_out(name.to_uppercase(), "postrider has nothing like it");
    }
    simple.add(&mut draft);
    Ok(draft)
}

/// `name=value` or `name value` lines, names in lower case.
fn pairs(text: &str, divider: char) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.split_once(divider).unwrap_or((line, ""));
            (name.trim().to_lowercase(), value.trim().to_owned())
        })
        .collect()
}
