//! Unit tests of `rules::mail_loop`.
#![allow(clippy::unwrap_used)]

use super::*;

fn comes_round(header: &str, address: &str) -> bool {
    let header = Header::read(header.replace('\n', "\r\n").as_bytes());
    has_come_round(&delivered_to(&header), &Address::parse(address).unwrap())
}

#[test]
fn mail_has_come_round_if_it_was_delivered_to_the_same_address_and_not_sent_anew_since() {
    for (header, address, expected) in [
        ("Delivered-To: ana@home.lan\nSubject: x\n", "ana@home.lan", true),
        ("Received: by x\nDelivered-To: <ANA@Home.lan>\nSubject: x\n", "ana@home.lan", true),
        ("Delivered-To: bob@home.lan\nReceived: by x\nDelivered-To: ana@home.lan\n", "ana@home.lan", true),
        ("Subject: x\n", "ana@home.lan", false),
        ("Delivered-To: ana@home.lan\n", "bob@home.lan", false),
        ("Delivered-To: ana+x@home.lan\n", "ana@home.lan", false),
        ("Delivered-To: me@isp.example\n", "ana@home.lan", false),
        ("X-Delivered-To: ana@home.lan\n", "ana@home.lan", false),
        (
            "Received: by x\nResent-From: ana@home.lan\nResent-To: ana@home.lan\nDelivered-To: ana@home.lan\n",
            "ana@home.lan",
            false,
        ),
        ("Delivered-To: ana@home.lan\nResent-To: ana@home.lan\nSubject: x\n", "ana@home.lan", true),
    ] {
        assert_eq!(comes_round(header, address), expected, "{header}");
    }
}
