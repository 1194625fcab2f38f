//! What the settings of listeners and clients expose that is easily overlooked, for `postrider check`. Pure: this machine's network
//! and people are given. What is not allowed at all is an error of the configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::submission::Surroundings;
use crate::config::Config;
use crate::config::client::Client;
use crate::config::listener::Listener;
use crate::config::network::{Network, Prefix};

/// Something to know about a listener or client, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// Its name.
    pub subject: String,
    /// What is the matter.
    pub text: String,
    /// What to do.
    pub advice: String,
}

/// Of a client without a password: a house has fewer devices than that.
const WIDE_V4: u8 = 24;
/// One link.
const WIDE_V6: u8 = 64;

/// What is known of this machine.
pub struct Machine<'m> {
    /// Its network.
    pub around: &'m Surroundings,
    /// The logins of its users.
    pub people: &'m [String],
    /// The pool, first and last address, from which its DHCP server gives an address to any device.
    pub pool_of: &'m dyn Fn(IpAddr) -> Option<(IpAddr, IpAddr)>,
}

/// All risks, listeners first.
#[must_use]
pub fn risks(config: &Config, machine: &Machine<'_>) -> Vec<Risk> {
    let listeners = config.listeners.iter().filter_map(open_to_the_internet);
    let clients = config.clients.iter().flat_map(|client| {
        let is_trusted = config.listeners.iter().any(|listener| listener.trust.contains(&client.name));
        let trusted = if is_trusted { of_trusted(client, machine) } else { Vec::new() };
        trusted.into_iter().chain(readable_password(client))
    });
    listeners.chain(clients).collect()
}

fn open_to_the_internet(listener: &Listener) -> Option<Risk> {
    let is_outside = |network: &&Network| matches!(network, Network::Prefix(prefix) if !is_private(*prefix));
    let outside = listener.networks.iter().find(is_outside).filter(|_| !listener.public)?;
    let Network::Prefix(outside) = outside else { return None };
    Some(Risk {
        subject: listener.name.clone(),
        text: format!("listener {} lets addresses of the Internet connect ({outside})", listener.name),
        advice: "if that is meant, set public = true, so that every client logs in under TLS; otherwise name the networks of \
                 the house in `networks`"
            .to_owned(),
    })
}

/// Of a client that is known by its address.
fn of_trusted(client: &Client, machine: &Machine<'_>) -> Vec<Risk> {
    let Machine { around, people, pool_of } = *machine;
    let name = &client.name;
    let risk = |text: String, advice: &str| Risk { subject: name.to_string(), text, advice: advice.to_owned() };
    let mut risks = Vec::new();
    for &prefix in &client.networks {
        let is_wide = prefix.length() < if prefix.is_v4() { WIDE_V4 } else { WIDE_V6 };
        if !is_private(prefix) {
            risks.push(risk(
                format!("client {name} has no password and is known by an address of the Internet ({prefix})"),
                "anyone who obtains or forges that address can send as this client; give it a password",
            ));
        } else if is_wide {
            risks.push(risk(
                format!("client {name} has no password, so every device in {prefix} can send as it"),
                "list only the addresses of its devices, or give it a password",
            ));
        }
        if looks_temporary(prefix) {
            risks.push(risk(
                format!("client {name} is known by {prefix}, which looks like a temporary address (RFC 8981)"),
                "the device changes it within a day, and another may get it; give the device a fixed address",
            ));
        }
        let is_single = prefix == Prefix::of(prefix.address());
        if let Some((first, last)) = pool_of(prefix.address()).filter(|_| is_single) {
            risks.push(risk(
                format!("client {name} is known by {prefix}, which this machine's DHCP server gives to any device ({first} to {last})"),
                "reserve the address for the device in the DHCP server, or give the client a password",
            ));
        }
        let shared = around.shared.iter().find(|shared| !shared.is_loopback() && prefix.contains(**shared));
        if let Some(shared) = shared {
            risks.push(of_shared(client, *shared));
        }
    }
    let is_local = client.networks.iter().any(|prefix| reaches_loopback(*prefix));
    if is_local && people.len() > 1 {
        risks.push(risk(
            format!(
                "client {name} is anyone who connects from this machine: each of its {} users ({}) and every program here can \
                 send as it, and nothing records who did",
                people.len(),
                some_of(people)
            ),
            "give it a password, or let programs call sendmail, which identifies the user",
        ));
    }
    risks
}

/// An address that strangers may appear under.
fn of_shared(client: &Client, shared: IpAddr) -> Risk {
    let name = &client.name;
    let (text, advice) = if client.behind_nat_ok {
        (
            format!(
                "client {name} is known by {shared}, an address of this machine or its gateway, and behind_nat_ok is set"
            ),
            "anything that a published port or a router translates to that address can send as this client; a password is safer",
        )
    } else {
        (
            format!(
                "client {name} is known by {shared}, an address of this machine or its gateway, which is never trusted"
            ),
            "give it a password; if nothing from outside can appear under that address, set behind_nat_ok = true",
        )
    };
    Risk { subject: name.to_string(), text, advice: advice.to_owned() }
}

fn readable_password(client: &Client) -> Option<Risk> {
    let is_remote = client.networks.iter().any(|prefix| !LOOPBACK.iter().any(|of| is_within(*prefix, *of)));
    (client.allow_plaintext && is_remote).then(|| Risk {
        subject: client.name.to_string(),
        text: format!("client {} may send its password without TLS", client.name),
        advice: "anyone who can read its network traffic learns the password; if the device supports TLS, remove allow_plaintext"
            .to_owned(),
    })
}

/// The first few.
fn some_of(people: &[String]) -> String {
    let shown = people.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    if people.len() > 3 { format!("{shown}, ...") } else { shown }
}

const fn v4(a: u8, b: u8, length: u8) -> (IpAddr, u8) {
    (IpAddr::V4(Ipv4Addr::new(a, b, 0, 0)), length)
}

const fn v6(first: u16, length: u8) -> (IpAddr, u8) {
    (IpAddr::V6(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0)), length)
}

/// What is not routed on the Internet: RFC 1918, RFC 6598, link-local, unique local.
pub(super) const PRIVATE: [(IpAddr, u8); 7] =
    [v4(10, 0, 8), v4(172, 16, 12), v4(192, 168, 16), v4(100, 64, 10), v4(169, 254, 16), v6(0xfc00, 7), v6(0xfe80, 10)];

pub(super) const LOOPBACK: [(IpAddr, u8); 2] = [v4(127, 0, 8), (IpAddr::V6(Ipv6Addr::LOCALHOST), 128)];

pub(super) fn is_private(prefix: Prefix) -> bool {
    PRIVATE.iter().chain(&LOOPBACK).any(|of| is_within(prefix, *of))
}

fn is_within(prefix: Prefix, (address, length): (IpAddr, u8)) -> bool {
    prefix.length() >= length && Prefix::around(address, length).contains(prefix.address())
}

fn reaches_loopback(prefix: Prefix) -> bool {
    LOOPBACK.iter().any(|of| is_within(prefix, *of) || prefix.contains(of.0))
}

/// The lower half of the address is neither small, as people write it, nor made from a hardware address (RFC 4291 appendix A).
fn looks_temporary(prefix: Prefix) -> bool {
    let IpAddr::V6(address) = prefix.address() else { return false };
    let [_, _, _, _, first, second, third, _] = address.segments();
    let is_small = first == 0 && second == 0;
    let is_of_hardware = second & 0xff == 0xff && third >> 8 == 0xfe;
    prefix.length() == 128 && !address.is_loopback() && !is_small && !is_of_hardware
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
