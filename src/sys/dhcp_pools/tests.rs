//! Unit tests of `sys::dhcp_pools`.

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn read(add: fn(&mut DhcpPools, &str), text: &str) -> DhcpPools {
    let mut pools = DhcpPools::default();
    add(&mut pools, text);
    pools
}

#[test]
fn each_servers_pools_and_reservations_are_read() {
    let dnsmasq = "domain-needed\ndhcp-range=set:lan,192.168.1.100,192.168.1.200,12h\n#dhcp-range=10.0.0.1,10.0.0.9\n\
        dhcp-range=192.168.2.0,static\ndhcp-host=aa:bb:cc:dd:ee:ff,scanner,192.168.1.130,infinite\n";
    let isc = "subnet 192.168.1.0 netmask 255.255.255.0 {\n  range dynamic-bootp 192.168.1.100 192.168.1.200; # guests\n\
        host scanner { hardware ethernet aa:bb:cc:dd:ee:ff; fixed-address 192.168.1.130; }\n}\n";
    let kea = r#"{ "Dhcp4": { "subnet4": [ { "pools": [ { "pool": "192.168.1.100 - 192.168.1.200" } ],
        "reservations": [ { "hw-address": "aa:bb:cc:dd:ee:ff", "ip-address": "192.168.1.130" } ] } ] } }"#;
    let udhcpd = "start 192.168.1.100\nend 192.168.1.200\nstatic_lease aa:bb:cc:dd:ee:ff 192.168.1.130\n";
    for pools in [
        read(DhcpPools::add_dnsmasq, dnsmasq),
        read(DhcpPools::add_isc, isc),
        read(DhcpPools::add_kea, kea),
        read(DhcpPools::add_udhcpd, udhcpd),
    ] {
        let all = (ip("192.168.1.100"), ip("192.168.1.200"));
        for (address, pool) in [
            ("192.168.1.99", None),
            ("192.168.1.100", Some(all)),
            ("192.168.1.129", Some(all)),
            ("192.168.1.130", None),
            ("192.168.1.200", Some(all)),
            ("192.168.2.7", None),
            ("10.0.0.5", None),
            ("fd00::1", None),
        ] {
            assert_eq!(pools.of(ip(address)), pool, "{address}: {pools:?}");
        }
    }
}

#[test]
fn what_is_no_configuration_has_no_pools() {
    for text in ["", "dhcp-range", "dhcp-range=\nrange;\n\"pool\": 7, \"pool\"", "start x\nend y\n"] {
        for add in [DhcpPools::add_dnsmasq, DhcpPools::add_isc, DhcpPools::add_kea, DhcpPools::add_udhcpd] {
            assert_eq!(read(add, text), DhcpPools::default(), "{text}");
        }
    }
}
