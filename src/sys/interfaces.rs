//! The machine's network configuration: addresses of its interfaces with their prefixes, and its default gateways.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// An address of an interface, with the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Length of the prefix in bits.
    pub length: u8,
}

/// All addresses, including loopback. Empty if the system does not provide them.
#[must_use]
pub fn addresses() -> Vec<InterfaceAddress> {
    let interfaces = getifaddrs().into_iter().flatten();
    interfaces
        .filter_map(|interface| {
            let address = ip(&interface.address?)?;
            let length = bits(ip(&interface.netmask?)?);
            Some(InterfaceAddress { address, length })
        })
        .collect()
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

fn bits(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    };
    u8::try_from(ones).unwrap_or(128)
}

/// The default gateways. Empty if the system does not provide them.
#[must_use]
pub fn gateways() -> Vec<IpAddr> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let v4 = read("/proc/net/route");
    let v6 = read("/proc/net/ipv6_route");
    v4.lines().filter_map(v4_gateway).chain(v6.lines().filter_map(v6_gateway)).collect()
}

/// Parses `IFACE DESTINATION GATEWAY ...`, hexadecimal numbers in native byte order.
fn v4_gateway(line: &str) -> Option<IpAddr> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (destination, gateway) = (fields.next()?, fields.next()?);
    let gateway = u32::from_str_radix(gateway, 16).ok()?;
    (destination == "00000000" && gateway != 0).then(|| Ipv4Addr::from(gateway.to_ne_bytes()).into())
}

/// Parses `DESTINATION LENGTH SOURCE LENGTH GATEWAY ...` in hexadecimal.
fn v6_gateway(line: &str) -> Option<IpAddr> {
    let fields: Vec<&str> = line.split_ascii_whitespace().take(5).collect();
    let [_, "00", _, _, gateway] = fields[..] else { return None };
    let gateway = u128::from_str_radix(gateway, 16).ok()?;
    (gateway != 0).then(|| Ipv6Addr::from(gateway).into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
