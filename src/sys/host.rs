//! The machine's own name and its service names, from files only. Nothing here uses the network.

use std::fs;

/// The full host name: the node name; if it has no dot, the canonical name for it in /etc/hosts; otherwise the node
/// name as it is.
#[must_use]
pub fn this_machine() -> String {
    let node = rustix::system::uname();
    let node = node.nodename().to_string_lossy();
    let hosts = if node.contains('.') { String::new() } else { read("/etc/hosts") };
    full_name(&node, &hosts)
}

/// The TCP port of a service, from /etc/services.
#[must_use]
pub fn service(name: &str) -> Option<u16> {
    service_port(&read("/etc/services"), name)
}

/// The TCP port of a service in the text of services(5), aliases included.
#[must_use]
pub fn service_port(services: &str, name: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let official = words.next()?;
        let port = words.next()?.strip_suffix("/tcp")?;
        let named = official == name || words.any(|alias| alias == name);
        if named { port.parse().ok().filter(|&port| port != 0) } else { None }
    })
}

/// Reads a system file, which may be missing or in any encoding.
fn read(path: &str) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn full_name(node: &str, hosts: &str) -> String {
    let node = node.trim_end_matches('.');
    if node.is_empty() {
        return "localhost".to_owned();
    }
    if node.contains('.') {
        return node.to_owned();
    }
    hosts.lines().find_map(|line| canonical(line, node)).unwrap_or(node).to_owned()
}

/// The first name of a hosts(5) line that contains this node's name, or another full name in that line.
fn canonical<'l>(line: &'l str, node: &str) -> Option<&'l str> {
    let mut words = line.split('#').next().unwrap_or("").split_whitespace();
    words.next()?;
    let names: Vec<_> = words.collect();
    if !names.iter().any(|name| name.eq_ignore_ascii_case(node)) {
        return None;
    }
    // "127.0.0.1 localhost box" does not contain the full name of box.
    let full = |name: &&&str| name.contains('.') && !name.to_ascii_lowercase().starts_with("localhost");
    names.iter().find(full).copied()
}

#[cfg(test)]
mod tests;
