//! `[listen.NAME]`: where SMTP clients connect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::Surroundings;
use super::faults::Faults;
use super::section::{At, Section, not_zero, wrong_type};
use crate::config::keys::LISTEN_KEYS;
use crate::config::listener::{FEWEST_RECIPIENTS, LineEnds, ListenLimits, ListenTls, Listener};
use crate::config::network::{BadPrefix, Network, Prefix};
use crate::mail::submitter::ClientName;

/// All listeners, in the order of the file.
pub(super) fn listeners(around: &Surroundings, top: &Section, faults: &mut Faults) -> Vec<Listener> {
    let sections = sections("listen", top, faults);
    let mut listeners: Vec<Listener> = Vec::new();
    for (name, table) in sections {
        let next = listener(around, name, table, faults);
        let at = || table.get("address").map_or(name.at, |value| value.span().start);
        if let Some((first, known, same)) = listeners.iter().find_map(|first| collision(first, &next)) {
            let first = &first.name;
            faults.add(
                at(),
                if known == same {
                    format!("[listen.{first}] has one of these addresses as well: remove it from one of them")
                } else {
                    format!("[listen.{first}] has {known}, and {same} cannot be opened as well: remove one of them")
                },
            );
        }
        if let Some((one, other)) = pairs(&next.addresses).find(|(one, other)| collide(*one, *other)) {
            faults.add(at(), format!("`address` has {one}, and {other} cannot be opened as well: remove one of them"));
        }
        listeners.push(next);
    }
    listeners
}

/// Addresses of two listeners of which only one can be opened, with the first listener.
fn collision<'l>(first: &'l Listener, next: &Listener) -> Option<(&'l Listener, SocketAddr, SocketAddr)> {
    let of_known = |known: SocketAddr| Some((known, *next.addresses.iter().find(|next| collide(known, **next))?));
    first.addresses.iter().copied().find_map(of_known).map(|(known, next)| (first, known, next))
}

/// Whether a socket of one address keeps the other from being opened: all addresses of a family include each of it.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    let is_included = a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified());
    one.port() == other.port() && one.port() != 0 && (a == b || is_included)
}

fn pairs(addresses: &[SocketAddr]) -> impl Iterator<Item = (SocketAddr, SocketAddr)> {
    let from = |(at, one): (usize, &SocketAddr)| {
        let one = *one;
        addresses[at + 1..].iter().map(move |other| (one, *other))
    };
    addresses.iter().enumerate().flat_map(from)
}

/// The named sections of a kind, in the order of the file.
pub(super) fn sections<'t>(kind: &str, top: &Section<'t>, faults: &mut Faults) -> Vec<(At<&'t str>, &'t DeTable<'t>)> {
    let Some(value) = top.get(kind) else { return Vec::new() };
    let wanted = format!("sections, [{kind}.NAME]");
    let DeValue::Table(table) = value.get_ref() else {
        wrong_type(kind, &wanted, value, faults);
        return Vec::new();
    };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let mut found = Vec::new();
    for (name, value) in entries {
        let at = name.span().start;
        let name: &str = name.get_ref();
        if let DeValue::Table(table) = value.get_ref() {
            found.push((At { at, value: name }, table));
        } else {
            let name = name.escape_debug();
            faults.add(at, format!("`{name}` belongs in a named section: write [{kind}.NAME] above it"));
        }
    }
    found
}

fn listener(around: &Surroundings, name: At<&str>, table: &DeTable, faults: &mut Faults) -> Listener {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.value.is_empty() || name.value.starts_with('-') || !name.value.chars().all(fits) {
        faults.add(name.at, "listener names may contain only letters, digits, - and _, and must not start with -");
    }
    let section = Section::open(table, LISTEN_KEYS, faults);
    let (addresses, is_passed) = addresses(&section, name.at, faults);
    let tls = tls(&section, faults);
    let certificate = certificate(around, &section, faults);
    let public = section.flag("public", faults).unwrap_or(false);
    let (mut networks, usual) = (networks(&section, faults), ListenLimits::default());
    if public && !section.has("networks") {
        networks = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)]
            .map(|all| Network::Prefix(Prefix::around(all, 0)))
            .to_vec();
    }
    let listener = Listener {
        name: name.value.to_owned(),
        addresses,
        is_passed,
        tls,
        certificate,
        networks,
        trust: trust(&section, faults),
        public,
        hide_clients: section.flag("hide_clients", faults),
        line_ends: line_ends(&section, faults),
        limits: limits(&section, if public { ListenLimits::of_public() } else { usual }, faults),
    };
    if public {
        check_public(&listener, &section, faults);
    }
    listener
}

/// What strangers reach knows its clients by a login that nobody can listen to.
fn check_public(listener: &Listener, section: &Section, faults: &mut Faults) {
    let place = |key: &str| section.get(key).or(section.get("public")).map_or(0, |value| value.span().start);
    let is_safe = |tls| matches!(tls, ListenTls::Starttls | ListenTls::Implicit);
    let of_address = |address: &SocketAddr| is_safe(ListenTls::of_port(address.port()));
    if !listener.tls.map_or_else(|| listener.addresses.iter().all(of_address), is_safe) {
        faults.add(
            place("tls"),
            "a `public` listener needs TLS before the login: set tls = \"starttls\" or \"implicit\"",
        );
    }
    if section.has("trust") {
        faults.add(
            place("trust"),
            "a `public` listener knows its clients by their logins: remove `trust`, or put it in a listener of its own",
        );
    }
}

fn line_ends(section: &Section, faults: &mut Faults) -> LineEnds {
    match section.text("line_ends", faults) {
        Some(At { value: "strict", .. }) => LineEnds::Strict,
        None | Some(At { value: "normalize", .. }) => LineEnds::Normalize,
        Some(text) => {
            faults.add(text.at, "`line_ends` must be \"normalize\" or \"strict\"");
            LineEnds::Normalize
        }
    }
}

/// Where it listens, and whether the service manager opens sockets for it.
fn addresses(section: &Section, header: usize, faults: &mut Faults) -> (Vec<SocketAddr>, bool) {
    let Some(texts) = section.texts("address", faults) else {
        if !section.has("address") {
            faults.add(
                header,
                "this listener has no `address`: add address = \"127.0.0.1:587\" with its address and port",
            );
        }
        return (Vec::new(), false);
    };
    let (mut addresses, mut is_passed) = (Vec::new(), false);
    for text in texts {
        match parse_address(text.value) {
            _ if text.value == "systemd" => is_passed = true,
            Some(found) => addresses.extend(found),
            None => faults.add(
                text.at,
                "`address` must be \"ADDRESS:PORT\", such as \"192.168.1.2:587\" or \"[fd00::2]:587\", \":PORT\" for \
                 all addresses, or \"systemd\"",
            ),
        }
    }
    (addresses, is_passed)
}

/// `:PORT` is that port of all addresses of both families.
fn parse_address(text: &str) -> Option<Vec<SocketAddr>> {
    if let Some(port) = text.strip_prefix(':') {
        let port = port.parse().ok()?;
        let all = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
        return Some(all.map(|address| SocketAddr::new(address, port)).to_vec());
    }
    text.parse().ok().map(|socket| vec![socket])
}

fn tls(section: &Section, faults: &mut Faults) -> Option<ListenTls> {
    let text = section.text("tls", faults)?;
    match text.value {
        "starttls" => Some(ListenTls::Starttls),
        "implicit" => Some(ListenTls::Implicit),
        "optional" => Some(ListenTls::Optional),
        "none" => Some(ListenTls::None),
        _ => {
            faults.add(
                text.at,
                "`tls` must be \"starttls\" (port 587), \"implicit\" (port 465), \"optional\" or \"none\"",
            );
            None
        }
    }
}

fn certificate(around: &Surroundings, section: &Section, faults: &mut Faults) -> Option<(PathBuf, PathBuf)> {
    let key = section.path("key", around, faults);
    let Some(certificate) = section.path("certificate", around, faults) else {
        if let Some(value) = section.get("key").filter(|_| !section.has("certificate")) {
            faults.add(value.span().start, "`key` without `certificate`: add the file with the certificate");
        }
        return None;
    };
    Some((certificate.clone(), key.unwrap_or(certificate)))
}

fn networks(section: &Section, faults: &mut Faults) -> Vec<Network> {
    let mut networks = Vec::new();
    for text in section.texts("networks", faults).unwrap_or_default() {
        match (text.value, Prefix::parse(text.value)) {
            ("local", _) => networks.push(Network::Local),
            (_, Ok(prefix)) => networks.push(Network::Prefix(prefix)),
            (_, Err(error @ BadPrefix::NoAddress)) => {
                faults.add(text.at, format!("`networks`: {error}, or \"local\""));
            }
            (_, Err(error)) => faults.add(text.at, format!("`networks`: {error}")),
        }
    }
    networks
}

fn trust(section: &Section, faults: &mut Faults) -> Vec<ClientName> {
    let mut names = Vec::new();
    for text in section.texts("trust", faults).unwrap_or_default() {
        match ClientName::parse(text.value) {
            Ok(name) => names.push(name),
            Err(error) => faults.add(text.at, format!("`trust`: {error}")),
        }
    }
    names
}

fn limits(section: &Section, usual: ListenLimits, faults: &mut Faults) -> ListenLimits {
    let mut time = |name: &str, usual: Duration| match section.duration(name, faults) {
        Some(read) => {
            not_zero(name, &read, faults);
            read.value
        }
        None => usual,
    };
    let times = (
        time("login_time", usual.login_time),
        time("idle_time", usual.idle_time),
        time("command_time", usual.command_time),
        time("session_time", usual.session_time),
        time("failure_time", usual.failure_time),
        time("block_time", usual.block_time),
    );
    let mut count = |name, usual| section.count(name, faults).unwrap_or(usual);
    let limits = ListenLimits {
        connections_per_address: count("connections_per_address", usual.connections_per_address),
        connections_before_login: count("connections_before_login", usual.connections_before_login),
        failures: count("failures", usual.failures),
        recipients: count("recipients", usual.recipients),
        login_time: times.0,
        idle_time: times.1,
        command_time: times.2,
        session_time: times.3,
        failure_time: times.4,
        block_time: times.5,
    };
    if limits.recipients < FEWEST_RECIPIENTS {
        let at = section.get("recipients").map_or(0, |value| value.span().start);
        faults.add(at, "`recipients` must be at least 100: clients may send so many (RFC 5321)");
    }
    limits
}

#[cfg(test)]
pub(super) mod tests;
