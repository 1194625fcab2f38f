//! The kernel's tables, and what this machine has.

use super::*;

#[test]
fn loopback_is_an_interface_with_a_prefix() {
    let loopback = addresses().into_iter().find(|one| one.address == IpAddr::from([127, 0, 0, 1])).unwrap();
    assert_eq!(loopback.length, 8);
}

#[test]
fn the_gateway_is_that_of_the_default_route() {
    // The kernel prints numbers in its own order of bytes.
    let shown = format!("{:08X}", u32::from_ne_bytes([192, 168, 1, 1]));
    assert_eq!(v4_gateway(&format!("eth0\t00000000\t{shown}\t0003\t0\t0\t0")), Some([192, 168, 1, 1].into()));
    assert_eq!(v4_gateway(&format!("eth0\t0001A8C0\t{shown}\t0003")), None);
    assert_eq!(v4_gateway("Iface\tDestination\tGateway \tFlags"), None);
    let (none, router) = ("0".repeat(32), "fe800000000000000000000000000001");
    assert_eq!(v6_gateway(&format!("{none} 00 {none} 00 {router} 00000400 x eth0")), Some("fe80::1".parse().unwrap()));
    assert_eq!(v6_gateway(&format!("{none} 40 {none} 00 {router} 00000400 x eth0")), None);
    assert_eq!(v6_gateway(&format!("{none} 00 {none} 00 {none} 00200200 x lo")), None);
}
