//! Unit tests of `mail::stamp`.

use jiff::tz::{Offset, TimeZone};
use proptest::prelude::*;

use super::*;
use crate::mail::address::Address;
use crate::mail::list::{self, Spec};

fn at(offset_minutes: i32) -> Zoned {
    let offset = Offset::from_seconds(offset_minutes * 60).unwrap();
    jiff::civil::date(2026, 11, 2).at(13, 20, 5, 0).to_zoned(TimeZone::fixed(offset)).unwrap()
}

fn sender() -> Address {
    Address::parse("his@home.lan").unwrap()
}

#[test]
fn dates_and_message_ids() {
    assert_eq!(date(&at(60)), "Mon, 2 Nov 2026 13:20:05 +0100");
    assert_eq!(date(&at(-210)), "Mon, 2 Nov 2026 13:20:05 -0330");
    assert_eq!(date(&at(0)), "Mon, 2 Nov 2026 13:20:05 +0000");
    assert_eq!(message_id(&at(60), "00064D", "box.home.lan"), "<20261102132005.00064D@box.home.lan>");
}

#[test]
fn names_are_quoted_or_encoded_as_they_need() {
    for (name, value) in [
        ("", "his@home.lan"),
        (" \r\n\t", "his@home.lan"),
        ("His Name", "His Name <his@home.lan>"),
        ("His\r\nBcc: x\0y", "\"His Bcc: x y\" <his@home.lan>"),
        ("  His \t Name ", "His Name <his@home.lan>"),
        ("Dr. His Name", "\"Dr. His Name\" <his@home.lan>"),
        ("Name, His", "\"Name, His\" <his@home.lan>"),
        ("a@b", "\"a@b\" <his@home.lan>"),
        ("The \"Boss\" \\", "\"The \\\"Boss\\\" \\\\\" <his@home.lan>"),
        ("(Cron)", "\"(Cron)\" <his@home.lan>"),
        ("O'Brien", "O'Brien <his@home.lan>"),
        ("Björn Müller", "=?UTF-8?Q?Bj=C3=B6rn_M=C3=BCller?= <his@home.lan>"),
    ] {
        assert_eq!(from(name.as_bytes(), &sender()), value, "{name:?}");
    }
}

#[test]
fn a_name_that_is_not_utf_8_keeps_its_octets() {
    assert_eq!(from(b" J\xf6rg \n M. ", &sender()), "=?unknown-8bit?Q?J=F6rg_M=2E?= <his@home.lan>");
    let value = from(&[&b"J\xf6rg "[..]].concat().repeat(20), &sender());
    assert!(value.is_ascii() && value.split("\r\n").all(|line| line.len() <= 76), "{value}");
}

#[test]
fn long_names_are_folded_between_words_and_characters() {
    let is_short = |value: &str| format!("Resent-From: {value}").split("\r\n").all(|line| line.len() <= 76);
    for count in 1..20 {
        let value = from("日本".repeat(count).as_bytes(), &sender());
        assert!(value.starts_with("=?UTF-8?Q?=E6=97=A5") && is_short(&value), "{value}");
    }
    let value = from("word. ".repeat(30).as_bytes(), &sender());
    assert!(value.starts_with("\"word. word.") && value.contains("word.\" <his@home.lan>"), "{value}");
    assert!(is_short(&value), "{value}");
    assert!(is_short(&from("x".repeat(5000).as_bytes(), &sender())));
}

proptest! {
    #[test]
    fn whatever_the_name_the_field_says_the_sender(name in "(?s).{0,120}") {
        let value = from(name.as_bytes(), &sender());
        let found = list::parse(value.as_bytes());
        prop_assert_eq!(found.len(), 1, "{}", value);
        prop_assert_eq!(&found[0].spec, &Spec::Complete(sender()));
        prop_assert!(value.split("\r\n ").all(|line| !line.contains(['\r', '\n', '\0']) && line.len() <= 78));
    }
}
