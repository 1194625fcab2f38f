//! Senders that get reports, and those that do not.

use super::*;
use crate::config::{TableSource, read};

fn is_own(address: &str) -> bool {
    let text = r#"
        hostname = "box.home.lan"
        origin = "home.lan"
        [account.isp]
        relay = "[mail.isp.example]"
        username = "me@isp.example"
        password = { file = "/nowhere" }
        senders = ["alice@old.example", "@work.example"]
        from = "forced@isp.example"
    "#;
    let config = read::read(std::path::Path::new("/etc/postrider/config.toml"), text).unwrap();
    let table = |rows: &[(&str, &str)]| {
        let rows = rows.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        TableSet::load("table", &[TableSource::Inline(rows)])
    };
    let generic = table(&[("@home.lan", "me+home@isp.example"), ("bob@lan.example", "bob@mail.example")]);
    let aliases = table(&[("root", "alice, <Carol@phone.example>")]);
    let canonical = table(&[("@inner.example", "@outer.example")]);
    let arrival = ArrivalTables { canonical, aliases, ..ArrivalTables::default() };
    OwnAddresses { config: &config, generic: &generic, arrival: &arrival }.include(&Address::parse(address).unwrap())
}

#[test]
fn own_names_accounts_and_what_tables_say_are_ours() {
    for address in [
        "anybody@home.lan",
        "root@box.home.lan",
        "me@isp.example",
        "ME+tag@ISP.example",
        "forced@isp.example",
        "alice@old.example",
        "anybody@work.example",
        "bob@lan.example",
        "bob@mail.example",
        "carol@phone.example",
        "anybody@outer.example",
    ] {
        assert!(is_own(address), "{address}");
    }
}

#[test]
fn others_are_not_ours_though_their_domain_is_a_providers() {
    for address in ["you@isp.example", "you@old.example", "you@mail.example", "ol@phone.example", "x@spam.example"] {
        assert!(!is_own(address), "{address}");
    }
}
