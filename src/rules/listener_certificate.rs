//! What the private CA vouches for, and what a listener's certificate from it says: names, days, and when it is renewed. Pure;
//! today and the addresses of this machine are given.

use std::net::{IpAddr, SocketAddr};

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::exposure;
use crate::tls::private_ca::Days;

/// How long a CA is valid.
const CA_YEARS: i16 = 10;
/// Devices of Apple refuse a server's certificate that is valid for more than 825 days, whoever signed it.
const CERTIFICATE_DAYS: i32 = 825;
/// How long before its end a certificate is renewed.
const RENEWED_BEFORE: i32 = 30;
/// How long before that it is announced. Devices that remember the certificate itself and not its CA, and people who were asked
/// once whether they trust it, will be asked again.
const ANNOUNCED_BEFORE: i32 = 30;
/// Addresses of this machine that a certificate names. More than a few come from prefixes that the provider keeps changing.
const MOST_ADDRESSES: usize = 30;
/// Nobody had this program before. A clock that shows an earlier day is that of a machine without a battery, before it has asked
/// for the time: a CA of that day would have ended before a device sees it.
const EARLIEST: Date = jiff::civil::date(2026, 1, 1);

/// What is to happen to a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Nothing yet.
    Later,
    /// It will be renewed on this day, which is near.
    Announced(Date),
    /// It must be renewed now.
    Due,
}

/// Whether the clock can be right.
#[must_use]
pub fn is_plausible(today: Date) -> bool {
    today >= EARLIEST
}

/// What is to happen today to a certificate that is valid until that day.
#[must_use]
pub fn renewal(until: Date, today: Date) -> Renewal {
    let day = until.saturating_sub(RENEWED_BEFORE.days());
    if day <= today {
        Renewal::Due
    } else if day.saturating_sub(ANNOUNCED_BEFORE.days()) <= today {
        Renewal::Announced(day)
    } else {
        Renewal::Later
    }
}

/// When a CA of today is valid. Yesterday as well, for devices whose clock is late.
#[must_use]
pub fn days_of_ca(today: Date) -> Days {
    let from = today.saturating_sub(1.day());
    Days { from, until: from.saturating_add(CA_YEARS.years()) }
}

/// When a certificate of today is valid, from a CA that is valid until that day.
#[must_use]
pub fn days_of_certificate(today: Date, ca_until: Date) -> Days {
    let from = today.saturating_sub(1.day());
    Days { from, until: from.saturating_add(CERTIFICATE_DAYS.days()).min(ca_until) }
}

/// The host names of this machine that a certificate may have.
///
/// None is a single label: a CA that may vouch for `dev` may vouch for every name below it (RFC 5280 section 4.2.1.10), and
/// `dev`, `app` or `box` are top-level domains.
#[must_use]
pub fn hosts(hostname: &str) -> Vec<String> {
    let hostname = hostname.to_ascii_lowercase();
    // As mDNS finds it in the house without a name server (RFC 6762).
    let local = format!("{}.local", hostname.split('.').next().unwrap_or_default());
    let full = Some(hostname).filter(|name| name.contains('.') && *name != local);
    full.into_iter().chain([local, "localhost".to_owned()]).collect()
}

/// The networks whose addresses the CA may vouch for: private ones, whichever of them this machine has in ten years, and the
/// public addresses that listeners have now.
#[must_use]
pub fn networks(listening: &[SocketAddr]) -> Vec<(IpAddr, u8)> {
    let private = exposure::PRIVATE.iter().chain(&exposure::LOOPBACK).copied();
    let public = listening.iter().map(|socket| socket.ip().to_canonical()).filter(|address| {
        !address.is_unspecified() && !exposure::is_private(crate::config::network::Prefix::of(*address))
    });
    private.chain(public.map(|address| (address, if address.is_ipv4() { 32 } else { 128 }))).collect()
}

/// The names that a listener's certificate should have, host names first. `own` are this machine's addresses now, all of which
/// a listener on all addresses has.
#[must_use]
pub fn names(hostname: &str, listening: &[SocketAddr], own: &[IpAddr]) -> Vec<String> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for socket in listening {
        let ip = socket.ip().to_canonical();
        let is_family = |own: &&IpAddr| own.is_ipv4() == ip.is_ipv4() && !is_link_local(**own);
        if ip.is_unspecified() {
            addresses.extend(own.iter().filter(is_family));
        } else {
            addresses.push(ip);
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(MOST_ADDRESSES);
    let is_local = addresses.iter().any(IpAddr::is_loopback);
    let hosts = hosts(hostname).into_iter().filter(|host| host != "localhost" || is_local);
    hosts.chain(addresses.iter().map(IpAddr::to_string)).collect()
}

/// An address without its link says nothing.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
