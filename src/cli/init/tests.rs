//! Unit tests of `cli::init`.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::config::read;

#[test]
fn what_is_written_is_a_config() {
    let answers = Answers {
        address: Address::parse("me@isp.example").unwrap(),
        relay: "[smtp.isp.example]:587".to_owned(),
        username: "me".to_owned(),
        password: Secret::new("x".to_owned()),
    };
    let config = read::read(Path::new("/x/config.toml"), &text("isp", &answers)).unwrap();
    assert_eq!(config.accounts[0].relays[0].to_string(), "[smtp.isp.example]:587");
    assert_eq!(config.accounts[0].username.as_deref(), Some("me"));
}

#[test]
fn names_and_servers_follow_from_the_address() {
    for (address, name, expected) in [
        ("me@isp.example", "isp", "smtp.isp.example:587"),
        ("me@mail.isp.example", "isp", "smtp.mail.isp.example:587"),
        ("me@GMX.de", "GMX", "mail.gmx.net:587"),
        ("me@box", "box", "smtp.box:587"),
    ] {
        let address = Address::parse(address).unwrap();
        assert_eq!((account_name(&address).as_str(), server(address.domain()).as_str()), (name, expected));
    }
}
