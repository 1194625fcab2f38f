//! The addresses that a DHCP server on this machine hands out to whoever asks: dnsmasq (and Pi-hole, which is one), ISC dhcpd, Kea
//! and udhcpd. One that runs elsewhere, such as in the router, is not asked: nothing tells its pool.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

/// What the servers' configurations say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DhcpPools {
    /// First and last address of each.
    pools: Vec<(IpAddr, IpAddr)>,
    /// Addresses that one device alone gets.
    reserved: Vec<IpAddr>,
}

impl DhcpPools {
    /// As they are configured now.
    #[must_use]
    pub fn read() -> Self {
        let folder = |path: &str| {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect::<Vec<PathBuf>>()
        };
        let text = |path: PathBuf| {
            fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
        };
        let dnsmasq = [vec!["/etc/dnsmasq.conf".into()], folder("/etc/dnsmasq.d")].concat();
        let mut found = Self::default();
        for path in dnsmasq {
            found.add_dnsmasq(&text(path));
        }
        found.add_isc(&text("/etc/dhcp/dhcpd.conf".into()));
        found.add_kea(&text("/etc/kea/kea-dhcp4.conf".into()));
        found.add_kea(&text("/etc/kea/kea-dhcp6.conf".into()));
        found.add_udhcpd(&text("/etc/udhcpd.conf".into()));
        found
    }

    /// The pool from which any device may get this address; `None`: there is none, or the address is one device's.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<(IpAddr, IpAddr)> {
        let is_inside = |(first, last): &&(IpAddr, IpAddr)| {
            first.is_ipv4() == address.is_ipv4() && (*first..=*last).contains(&address)
        };
        self.pools.iter().find(is_inside).filter(|_| !self.reserved.contains(&address)).copied()
    }

    /// `dhcp-range=[TAG,]FIRST,LAST[,...]`, `dhcp-host=MAC,...,ADDRESS`.
    fn add_dnsmasq(&mut self, text: &str) {
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let fields = value.split(',').map(str::trim);
            match name.trim() {
                "dhcp-range" => {
                    // What is no address in the second place makes it a range for reserved addresses alone.
                    let mut fields = fields.skip_while(|field| address(field).is_none());
                    let ends = fields.next().and_then(address).zip(fields.next().and_then(address));
                    self.pools.extend(ends);
                }
                "dhcp-host" => self.reserved.extend(fields.filter_map(address)),
                _ => {}
            }
        }
    }

    /// `range [dynamic-bootp] FIRST [LAST];`, `fixed-address ADDRESS;`.
    fn add_isc(&mut self, text: &str) {
        let lines = text.lines().filter_map(|line| line.split('#').next());
        for statement in lines.flat_map(|line| line.split([';', '{', '}'])) {
            let words: Vec<&str> = statement.split_whitespace().collect();
            let addresses: Vec<IpAddr> =
                words.iter().skip(1).filter_map(|word| address(word.trim_end_matches(','))).collect();
            match (words.first().copied(), addresses.as_slice()) {
                (Some("range" | "range6"), [first, .., last] | [first @ last]) => self.pools.push((*first, *last)),
                (Some("fixed-address" | "fixed-address6"), fixed) => self.reserved.extend(fixed),
                _ => {}
            }
        }
    }

    /// `"pool": "FIRST - LAST"`, `"ip-address": "ADDRESS"`.
    fn add_kea(&mut self, text: &str) {
        let value = |rest: &'_ str| {
            let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
            value.split('"').next().map(str::to_owned)
        };
        let values = |quoted: &str| text.split(quoted).skip(1).filter_map(value).collect::<Vec<String>>();
        let ends = |pool: &str| pool.split_once('-').and_then(|(first, last)| address(first).zip(address(last)));
        self.pools.extend(values("\"pool\"").iter().filter_map(|pool| ends(pool)));
        self.reserved.extend(values("\"ip-address\"").iter().filter_map(|text| address(text)));
    }

    /// `start ADDRESS`, `end ADDRESS`, `static_lease MAC ADDRESS`.
    fn add_udhcpd(&mut self, text: &str) {
        let (mut first, mut last) = (None, None);
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["start", start, ..] => first = address(start),
                ["end", end, ..] => last = address(end),
                ["static_lease", _, fixed, ..] => self.reserved.extend(address(fixed)),
                _ => {}
            }
        }
        self.pools.extend(first.zip(last));
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.trim().trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
