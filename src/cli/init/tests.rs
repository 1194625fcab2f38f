//! What is written for which provider.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::discovery::{CentralDatabase, Network};
use super::text::{account_name, first, settings};
use super::*;
use crate::config::edit::Setting;
use crate::config::providers::Provider;
use crate::sys::host;

fn written(address: &str) -> crate::config::Config {
    let address = Address::parse(address).unwrap();
    let server = discovery::find(&address, Network::Unused, CentralDatabase::NotAsked);
    let username = server.provider.and_then(|provider| provider.username(&address.to_string()));
    let name = account_name(address.domain());
    let username = username.unwrap_or_else(|| address.to_string());
    let answers = Answers { address, server, username, fingerprint: None, client: None, users: None, root: None };
    read::read(Path::new("/x/config.toml"), &first(&name, &answers, None)).unwrap()
}

#[test]
fn what_is_written_is_a_config_that_pins_the_names() {
    let config = written("me@isp.example");
    assert_eq!(config.accounts[0].relays[0].to_string(), "[smtp.isp.example]:587");
    assert_eq!(config.accounts[0].username.as_deref(), Some("me@isp.example"));
    assert_eq!((&config.hostname, &config.origin), (&host::this_machine(), &host::this_machine()));
}

#[test]
fn what_a_provider_demands_is_written() {
    let of = |address: &str| written(address).accounts.remove(0);
    let (webde, icloud, isp) = (of("me@web.de"), of("me@icloud.com"), of("me@isp.example"));
    assert_eq!((webde.username.as_deref(), webde.relays[0].to_string().as_str()), (Some("me"), "[smtp.web.de]:465"));
    assert_eq!(icloud.from.map(|from| from.to_string()).as_deref(), Some("me@icloud.com"));
    assert_eq!(isp.from, None);
    let company = Provider::of_mail_exchanger("a.mail.protection.outlook.com").unwrap();
    let address = Address::parse("a@b.example").unwrap();
    let guess = discovery::find(&address, Network::Unused, CentralDatabase::NotAsked);
    let server = Found { provider: Some(company), ..guess };
    let answers =
        Answers { address, server, username: "a".to_owned(), fingerprint: None, client: None, users: None, root: None };
    assert!(settings("b", &answers).contains(&("max_per_minute", Setting::Number(30))));
}

#[test]
fn the_accounts_name_follows_from_the_address() {
    for (address, name) in [
        ("me@isp.example", "isp"),
        ("me@mail.isp.example", "isp"),
        ("me@GMX.de", "GMX"),
        ("me@box", "box"),
        ("me@aqua.ocn.ne.jp", "ocn"),
        ("me@bt.co.uk", "bt"),
        ("me@co.jp", "co"),
    ] {
        assert_eq!(account_name(Address::parse(address).unwrap().domain()), name);
    }
}
