//! Unit tests of `rules::advice`.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::config::read;
use crate::mail::address::Address;

fn path(text: &str) -> ReversePath {
    ReversePath::Mailbox(Address::parse(text).unwrap())
}

fn account(keys: &str) -> Account {
    let text = format!("[account.isp]\nrelay = \"[h.example]\"\npassword = \"x\"\n{keys}\n");
    read::read(std::path::Path::new("/x/config.toml"), &text).unwrap().accounts.remove(0)
}

#[test]
fn a_refused_sender_is_told_the_row_that_mends_it() {
    let with_address = account("username = \"me@isp.example\"");
    let told = |admitted: &str, outgoing: &str| refused_sender(&with_address, &path(admitted), &path(outgoing));
    let row = "map alice@home.lan to an address of yours: \"alice@home.lan\" = \"me@isp.example\"";
    assert!(told("alice@home.lan", "alice@home.lan").contains(row));
    let changed = told("alice@home.lan", "x@isp.example");
    assert!(changed.contains("map alice@home.lan") && changed.contains("send as x@isp.example"), "{changed}");
    assert!(told("me@isp.example", "me@isp.example").contains("check with the provider"));
    let plain = account("username = \"me\"\nsenders = [\"bob\", \"@w.example\"]");
    assert!(refused_sender(&plain, &path("a@x.example"), &path("a@x.example")).contains("you@provider.example"));
    assert!(refused_sender(&plain, &ReversePath::Null, &ReversePath::Null).contains("MAIL FROM:<>"));
}
