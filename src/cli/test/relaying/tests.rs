//! The ways are those of old.

use std::collections::BTreeSet;

use super::*;

#[test]
fn there_are_seventeen_ways_and_each_is_another() {
    let ways: BTreeSet<String> = ways("mx.home.lan", "192.0.2.1".parse().unwrap()).iter().map(Way::to_string).collect();
    assert_eq!(ways.len(), 17);
    for way in [
        "MAIL FROM:<> RCPT TO:<user@relaytest.example>",
        "MAIL FROM:<spamtest@mx.home.lan> RCPT TO:<user%relaytest.example@mx.home.lan>",
        "MAIL FROM:<spamtest@mx.home.lan> RCPT TO:<@[192.0.2.1]:user@relaytest.example>",
        "MAIL FROM:<spamtest@mx.home.lan> RCPT TO:<relaytest.example!user@[192.0.2.1]>",
    ] {
        assert!(ways.contains(way), "{way}");
    }
}
