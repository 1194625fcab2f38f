//! What is and what is not worth a word.

use std::path::Path;

use super::*;
use crate::config::read::read;

/// The risks of a listener and client with these keys.
fn of(listener: &str, client: &str, people: usize) -> Vec<String> {
    let text = format!(
        "[account.isp]\nrelay = \"isp\"\n[listen.lan]\naddress = \"127.0.0.1:2525\"\ntls = \"none\"\n{listener}\n\
         [client.scanner]\nowner = \"alice\"\n{client}\n"
    );
    let config = read(Path::new("/etc/postrider/config.toml"), &text).unwrap();
    let around = Surroundings { on_link: Vec::new(), shared: vec!["192.168.1.1".parse().unwrap()] };
    let people: Vec<String> = ["alice", "bob", "carol", "dave"].iter().take(people).map(ToString::to_string).collect();
    let pool: [IpAddr; 2] = ["192.168.1.100".parse().unwrap(), "192.168.1.200".parse().unwrap()];
    let pool_of = |address: IpAddr| (pool[0]..=pool[1]).contains(&address).then_some((pool[0], pool[1]));
    let machine = Machine { around: &around, people: &people, pool_of: &pool_of };
    risks(&config, &machine).into_iter().map(|risk| risk.text).collect()
}

const TRUST: &str = "trust = [\"scanner\"]";

#[test]
fn a_device_with_an_address_of_its_own_in_the_house_is_no_risk() {
    for network in ["192.168.1.30", "10.0.0.0/24", "fd00::30", "fe80::1c2d:3eff:fe4f:5a6b", "100.64.0.7"] {
        assert!(of(TRUST, &format!("networks = [\"{network}\"]"), 4).is_empty(), "{network}");
    }
    assert!(of("networks = [\"local\", \"192.168.0.0/16\"]", "networks = [\"10.0.0.1\"]", 4).is_empty());
    assert!(of(TRUST, "networks = [\"127.0.0.1\"]", 1).is_empty(), "one user is everybody");
}

#[test]
fn each_risk_is_named() {
    for (listener, client, expected) in [
        (
            TRUST,
            "networks = [\"192.168.1.130\"]",
            "client scanner is known by 192.168.1.130, which this machine's DHCP server gives to any device (192.168.1.100 to 192.168.1.200)",
        ),
        (
            "networks = [\"0.0.0.0/0\"]",
            "networks = [\"10.0.0.1\"]",
            "listener lan lets addresses of the Internet connect (0.0.0.0/0)",
        ),
        (
            "networks = [\"2001:db8::/32\"]",
            "networks = [\"10.0.0.1\"]",
            "listener lan lets addresses of the Internet connect (2001:db8::/32)",
        ),
        (
            TRUST,
            "networks = [\"203.0.113.7\"]",
            "client scanner has no password and is known by an address of the Internet (203.0.113.7)",
        ),
        (
            TRUST,
            "networks = [\"10.0.0.0/16\"]",
            "client scanner has no password, so every device in 10.0.0.0/16 can send as it",
        ),
        (
            TRUST,
            "networks = [\"fd00::1c2d:3e4f:5a6b:7c8d\"]",
            "client scanner is known by fd00::1c2d:3e4f:5a6b:7c8d, which looks like a temporary address (RFC 8981)",
        ),
        (
            TRUST,
            "networks = [\"192.168.1.1\"]",
            "client scanner is known by 192.168.1.1, an address of this machine or its gateway, which is never trusted",
        ),
        (
            TRUST,
            "networks = [\"192.168.1.1\"]\nbehind_nat_ok = true",
            "client scanner is known by 192.168.1.1, an address of this machine or its gateway, and behind_nat_ok is set",
        ),
        (
            TRUST,
            "networks = [\"127.0.0.1\"]",
            "client scanner is anyone who connects from this machine: each of its 4 users (alice, bob, carol, ...) and every \
             program here can send as it, and nothing records who did",
        ),
        (
            "",
            "networks = [\"192.168.1.30\"]\nallow_plaintext = true",
            "client scanner may send its password without TLS",
        ),
    ] {
        assert_eq!(of(listener, client, 4), [expected], "{listener} {client}");
    }
}
