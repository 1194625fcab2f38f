//! Patterns: what fits, and what is not one.

use super::{check, fits, folded, is_pattern, literal};
use crate::mail::address::Address;

#[test]
fn a_star_stands_for_any_characters_within_one_part() {
    let cases = [
        ("*@home.lan", "root@home.lan", true),
        ("*@home.lan", "root@box.home.lan", false),
        ("*@home.lan", "root@evil.example@home.lan", true),
        ("*@*.home.lan", "a@x.y.home.lan", true),
        ("*@*.home.lan", "a@home.lan", false),
        ("*@*home.lan", "a@home.lan", true),
        ("cron-*@box.home.lan", "cron-daily@box.home.lan", true),
        ("cron-*@box.home.lan", "cron-@box.home.lan", true),
        ("cron-*@box.home.lan", "cron@box.home.lan", false),
        ("a*a@x", "a@x", false),
        ("a*a@x", "aa@x", true),
        ("a*b*c@x", "abc@x", true),
        ("a*b*c@x", "acb@x", false),
        ("a*b*b@x", "ab@x", false),
        ("**@x", "a@x", true),
        ("Cron-*@BOX.Home.lan", "cron-x@box.home.lan", true),
        ("*@*.B\u{fc}cher.example", "a@shop.xn--bcher-kva.example", true),
        ("Stra\u{df}e-*@x", "strasse-1@x", true),
        ("cron-*", "cron-x@origin.lan", true),
        ("cron-*", "cron-x@home.lan", false),
    ];
    for (pattern, address, is_match) in cases {
        assert_eq!(check(pattern), Ok(()), "{pattern}");
        assert_eq!(fits(&folded(pattern, "origin.lan"), address), is_match, "{pattern} {address}");
    }
}

#[test]
fn what_is_not_a_pattern_is_an_error() {
    for bad in [
        "@*.home.lan",
        "\"a*\"@home.lan",
        "*@b\u{fc}*.example",
        "*@",
        "*@a..lan",
        "a b*@x",
        "<*@x>",
        "*@[*]",
        "-*@x",
        "*@@x",
        "a@*@x",
        "*",
        "**",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
}

#[test]
fn in_quotes_a_star_is_a_star() {
    for (address, entry) in [
        ("a*b@home.lan", "\"a*b\"@home.lan"),
        ("\"a* b\"@home.lan", "\"a* b\"@home.lan"),
        ("\"a\\\"*\"@home.lan", "\"a\\\"*\"@home.lan"),
        ("a.b@home.lan", "a.b@home.lan"),
    ] {
        let address = Address::parse(address).unwrap();
        assert_eq!(literal(&address), entry);
        assert!(!is_pattern(entry));
        assert_eq!(Address::parse(entry).unwrap(), address);
    }
    assert!(is_pattern("\"a*\"@*.lan") && is_pattern("a*b@home.lan") && is_pattern("\"a*"));
}
