//! Prefixes as text, and what is in them.

use super::*;

fn prefix(text: &str) -> Prefix {
    Prefix::parse(text).unwrap()
}

#[test]
fn an_address_is_in_its_network_in_either_notation() {
    let lan = prefix("192.168.1.0/24");
    for (address, is_in) in [
        ("192.168.1.30", true),
        ("::ffff:192.168.1.30", true),
        ("192.168.2.30", false),
        ("::192.168.1.30", false),
        ("fd00::1", false),
    ] {
        assert_eq!(lan.contains(address.parse().unwrap()), is_in, "{address}");
    }
    assert!(prefix("fd00::/8").contains("fdff::1".parse().unwrap()));
    assert!(
        prefix("0.0.0.0/0").contains("8.8.8.8".parse().unwrap())
            && !prefix("0.0.0.0/0").contains("::1".parse().unwrap())
    );
    assert!(prefix("[::1]").contains("::1".parse().unwrap()) && !prefix("::1").contains("::2".parse().unwrap()));
}

#[test]
fn what_is_no_network_is_refused_with_a_cure() {
    assert_eq!(Prefix::parse("lan"), Err(BadPrefix::NoAddress));
    assert_eq!(Prefix::parse("10.0.0.0/33"), Err(BadPrefix::BadLength(32)));
    assert_eq!(Prefix::parse("10.0.0.0/x"), Err(BadPrefix::BadLength(32)));
    let refused = Prefix::parse("192.168.1.30/24").unwrap_err();
    assert!(refused.to_string().ends_with("write 192.168.1.0/24"), "{refused}");
}
