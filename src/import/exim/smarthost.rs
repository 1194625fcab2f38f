//! The hosts of `dc_smarthost`, a list of Exim's.

use std::net::Ipv6Addr;

/// A host, and the port that is written with it.
pub(super) type Host = (String, Option<String>);

/// `host::port`, several of them between semicolons, or between single colons: a colon that means itself is doubled, also in IPv6
/// addresses, which are in brackets where a port follows.
pub(super) fn hosts(list: &str) -> Vec<Host> {
    let list = list.strip_prefix("<;").unwrap_or(list);
    let elements = list.split(';').map(str::trim).flat_map(|one| {
        // Written as everywhere else, which Exim takes apart.
        if is_plain_ipv6(one) { vec![one.replace("]::", "]:")] } else { undoubled(one) }
    });
    elements.filter(|element| !element.is_empty()).map(|element| host(&element)).collect()
}

fn is_plain_ipv6(element: &str) -> bool {
    let inside = element.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(element, |(inside, _)| inside);
    inside.parse::<Ipv6Addr>().is_ok()
}

/// The elements between single colons, with the doubled ones as one.
fn undoubled(list: &str) -> Vec<String> {
    let mut elements = vec![String::new()];
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ':' && chars.next_if_eq(&':').is_none() {
            elements.push(String::new());
        } else if let Some(last) = elements.last_mut() {
            last.push(c);
        }
    }
    elements.iter().map(|element| element.trim().to_owned()).collect()
}

fn host(element: &str) -> Host {
    if element.parse::<Ipv6Addr>().is_ok() {
        return (element.to_owned(), None);
    }
    if let Some((inside, rest)) = element.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (inside.to_owned(), rest.strip_prefix(':').map(|port| port.trim().to_owned()));
    }
    match element.split_once(':') {
        Some((host, port)) => (host.trim().to_owned(), Some(port.trim().to_owned())),
        None => (element.to_owned(), None),
    }
}
