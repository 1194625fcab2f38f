//! Unit tests of `rules::locality`.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::*;
use crate::config::TableSource;
use crate::config::read::read;

const ACCOUNT: &str = "[account.isp]\nrelay = \"mail.isp.example\"\nusername = \"me@isp.example\"\npassword = \"x\"\n";

fn config(top: &str) -> Config {
    let text = format!("hostname = \"homebox.home.lan\"\norigin = \"home.lan\"\n{top}\n{ACCOUNT}");
    read(Path::new("/home/ana/config.toml"), &text).unwrap()
}

fn is_login(name: &str) -> bool {
    matches!(name, "ana" | "bob.b" | "with+plus")
}

fn stays(config: &Config, address: &str) -> bool {
    let users = ["office", "info@family.example", "@club.example"].map(|key| (key.to_owned(), "-".to_owned()));
    let tables = TableSet::load("local_users", &[TableSource::Inline(users.to_vec())]);
    LocalUsers { config, tables: &tables, is_login }.include(&Address::parse(address).unwrap()).unwrap()
}

#[test]
fn logins_at_the_machines_own_names_and_listed_addresses_stay() {
    let config = config("mailbox = \"lmtp:/run/lmtp\"");
    for (address, expected) in [
        ("ana@home.lan", true),
        ("ana@homebox.home.lan", true),
        ("ana@homebox", true),
        ("ANA@LOCALHOST", true),
        ("ana+cron@home.lan", true),
        ("bob.b@home.lan", true),
        ("with+plus@home.lan", true),
        ("nobody@home.lan", false),
        ("ana@away.example", false),
        ("office@home.lan", true),
        ("office+x@home.lan", true),
        ("office@away.example", false),
        ("info@family.example", true),
        ("info+x@family.example", true),
        ("other@family.example", false),
        ("anybody@club.example", true),
    ] {
        assert_eq!(stays(&config, address), expected, "{address}");
    }
}

#[test]
fn nothing_stays_without_mailboxes_nor_at_the_providers_domain() {
    assert!(!stays(&config("mailbox = \"none\""), "ana@home.lan"));
    assert!(!stays(&config(""), "ana@home.lan"));
    let at_provider = config("mailbox = \"lmtp:/run/lmtp\"\nown_domains = [\"isp.example\", \"home.lan\"]");
    assert!(!stays(&at_provider, "ana@isp.example"), "the provider has that mailbox");
    assert!(stays(&at_provider, "ana@home.lan"));
}
