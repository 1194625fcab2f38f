//! Networks as the configuration writes them: an address, a prefix, or `local` for what is on this machine's links. Whether
//! an address is in one is decided here; which links there are is asked of `sys` by whoever needs it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 or IPv6 prefix. Its address has no bits beyond the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// Why a text is not a prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPrefix {
    /// Not an address.
    #[error("write an address such as 192.168.1.30 or fd00::30, or a network such as 192.168.1.0/24")]
    NoAddress,
    /// Not a length of that family.
    #[error("the length after the slash must be 0 to {0}")]
    BadLength(u8),
    /// Bits beyond the length are set, so that one of both is mistyped.
    #[error("the address has bits beyond the length after the slash; write {0}")]
    HostBits(Prefix),
}

impl Prefix {
    /// The network of an address that begins with so many bits.
    #[must_use]
    pub fn around(address: IpAddr, length: u8) -> Self {
        let address = match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(
                v4.to_bits() & u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0),
            )),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(
                v6.to_bits() & u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0),
            )),
        };
        Self { address, length: length.min(width(address)) }
    }

    /// One address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, length: width(address) }
    }

    /// Reads `ADDRESS` or `ADDRESS/LENGTH`, the address in brackets or not.
    pub fn parse(text: &str) -> Result<Self, BadPrefix> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let address: IpAddr = bare.parse().map_err(|_| BadPrefix::NoAddress)?;
        let Some(length) = length else { return Ok(Self::of(address)) };
        let most = width(address);
        let length = length.parse().ok().filter(|length| *length <= most).ok_or(BadPrefix::BadLength(most))?;
        let network = Self::around(address, length);
        if network.address == address { Ok(network) } else { Err(BadPrefix::HostBits(network)) }
    }

    /// Whether the address is in it. An IPv4 address is the same address written as `::ffff:a.b.c.d`.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && Self::around(address, self.length) == self
    }

    /// Its first address.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// Whether it is one of IPv4.
    #[must_use]
    pub fn is_v4(self) -> bool {
        self.address.is_ipv4()
    }

    /// How many bits it fixes.
    #[must_use]
    pub fn length(self) -> u8 {
        self.length
    }
}

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length == width(self.address) {
            self.address.fmt(f)
        } else {
            write!(f, "{}/{}", self.address, self.length)
        }
    }
}

/// One element of `networks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// What this machine's addresses have on their links, as they are when somebody connects.
    Local,
    /// A prefix.
    Prefix(Prefix),
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
