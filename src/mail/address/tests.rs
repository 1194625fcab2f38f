//! Unit tests of `mail::address`.

use super::*;

#[test]
fn quotes_come_and_go_as_the_local_part_needs() {
    for (given, shown) in [
        ("a@x.example", "a@x.example"),
        ("\"a\"@x.example", "a@x.example"),
        ("\"a b\"@x.example", "\"a b\"@x.example"),
        ("\"a@b\"@x.example", "\"a@b\"@x.example"),
        ("\"a\\\"b\"@x.example", "\"a\\\"b\"@x.example"),
        ("jörg@x.example", "jörg@x.example"),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
    ] {
        assert_eq!(Address::parse(given).map(|a| a.to_string()), Ok(shown.to_owned()));
    }
}

#[test]
fn what_could_break_a_command_line_is_no_address() {
    for bad in [
        "a\r\nb@x",
        "a@x\r\n",
        "a\0@x",
        "@x",
        "a@",
        "a",
        "-a@x",
        "a@192.0.2.1",
        "<a@x>",
        "a b@x",
        "a@x y",
        "a@x>",
        "a@-x",
        "a@x-.example",
        "a@123",
        "a@1.2",
        "a@[x]",
        "a@[IPv6:x]",
    ] {
        assert!(Address::parse(bad).is_err(), "{bad:?}");
    }
}
