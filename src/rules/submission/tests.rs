//! Who is who, and who may send what.

use super::*;
use crate::config::read::read;

const CONFIG: &str = r#"
hostname = "box.home.lan"
origin = "home.lan"
[account.isp]
relay = "mail.isp.example"
[listen.lan]
address = "192.168.1.2:2525"
tls = "none"
networks = ["local", "10.1.0.0/16"]
trust = ["scanner", "router"]
[listen.here]
address = "127.0.0.1:2525"
trust = ["local"]
[client.scanner]
owner = "alice"
networks = ["192.168.1.30"]
allowed_recipients = ["@example.com", "alice"]
[client.router]
owner = "alice"
networks = ["192.168.1.1", "192.168.1.2"]
senders = ["alarm", "@router.lan", "port-*@*.Router.lan"]
[client.local]
owner = "alice"
networks = ["127.0.0.0/8"]
from = "box@home.lan"
[client.smarthost]
owner = "alice"
networks = ["10.1.0.1"]
senders = ["@work.example"]
relay_for_others = true
"#;

fn config() -> Config {
    read(std::path::Path::new("/x/config.toml"), CONFIG).unwrap()
}

fn around() -> Surroundings {
    let ip = |text: &str| text.parse().unwrap();
    Surroundings {
        on_link: vec![Prefix::parse("192.168.1.0/24").unwrap()],
        shared: vec![ip("192.168.1.2"), ip("192.168.1.1")],
    }
}

#[test]
fn only_listed_networks_connect_and_without_a_list_loopback_alone() {
    let config = config();
    let [lan, here] = [&config.listeners[0], &config.listeners[1]];
    for (peer, to_lan, to_here) in [
        ("192.168.1.77", true, false),
        ("::ffff:192.168.1.77", true, false),
        ("10.1.2.3", true, false),
        ("10.2.0.1", false, false),
        ("203.0.113.5", false, false),
        ("fe80::1", false, false),
        ("127.0.0.1", true, true),
        ("::1", true, true),
    ] {
        let peer = peer.parse().unwrap();
        assert_eq!(
            (may_connect(lan, &around(), peer), may_connect(here, &around(), peer)),
            (to_lan, to_here),
            "{peer}"
        );
    }
}

#[test]
fn an_address_that_others_may_appear_under_is_nobodys() {
    let mut config = config();
    let lan = config.listeners[0].clone();
    let who = |config: &Config, peer: &str| {
        trusted(config, &lan, &around(), peer.parse().unwrap()).map(|client| client.name.to_string())
    };
    assert_eq!(who(&config, "192.168.1.30").as_deref(), Some("scanner"));
    assert_eq!(who(&config, "::ffff:192.168.1.30").as_deref(), Some("scanner"));
    for peer in ["192.168.1.1", "192.168.1.2", "::ffff:192.168.1.1", "192.168.1.31", "10.1.0.1", "127.0.0.1"] {
        assert_eq!(who(&config, peer), None, "{peer}");
    }
    config.clients[1].behind_nat_ok = true;
    assert_eq!(who(&config, "192.168.1.1").as_deref(), Some("router"));
    let here = config.listeners[1].clone();
    assert_eq!(trusted(&config, &here, &around(), "127.0.0.1".parse().unwrap()).unwrap().name.as_str(), "local");
}

#[test]
fn a_client_sends_from_its_own_addresses() {
    let config = config();
    let says = |client: usize, sender: &str| {
        let sender =
            if sender.is_empty() { ReversePath::Null } else { ReversePath::Mailbox(Address::parse(sender).unwrap()) };
        let verdict = envelope_sender(&config, &config.clients[client], &TableSet::default(), &sender).unwrap();
        verdict.map_err(|no| no.to_string())
    };
    for (client, sender) in [
        (0, "scanner@home.lan"),
        (0, "Scanner@HOME.lan"),
        (1, "alarm@home.lan"),
        (1, "alarm+door@home.lan"),
        (1, "x@router.lan"),
        (2, "anything@else.example"),
        (2, ""),
        (3, "boss@work.example"),
        (3, ""),
    ] {
        assert_eq!(says(client, sender), Ok(()), "{client} {sender}");
    }
    assert_eq!(
        says(0, "alice@home.lan").unwrap_err(),
        "scanner may not send as <alice@home.lan> (MAIL FROM); add it to senders in [client.scanner], or set from"
    );
    assert_eq!(
        says(0, "").unwrap_err(),
        "scanner may not send from <>; for a mail system, set relay_for_others = true in [client.scanner]"
    );
    assert!(says(3, "boss@else.example").is_err());
}

#[test]
fn so_do_the_fields_of_its_header() {
    let config = config();
    let says = |client: usize, header: &str| {
        let header = Header::read(header.as_bytes());
        let verdict = header_senders(&config, &config.clients[client], &TableSet::default(), &header).unwrap();
        verdict.map_err(|no| no.to_string())
    };
    for (client, header) in [
        (0, "From: Scan <scanner@home.lan>\r\n"),
        (0, "Subject: without\r\n"),
        (0, "From: scanner\r\n"),
        (0, "From: scanner@home.lan, scanner@home.lan\r\nSender: scanner@home.lan\r\n"),
        (2, "From: whoever@else.example\r\n"),
        (3, "From: whoever@else.example\r\n"),
    ] {
        assert_eq!(says(client, header), Ok(()), "{header}");
    }
    for field in ["From", "Sender", "Resent-From", "Resent-Sender"] {
        let refused = says(0, &format!("{field}: alice@home.lan\r\n")).unwrap_err();
        assert!(refused.contains(&format!("({field})")), "{refused}");
    }
    // What reads mail may understand what we do not.
    assert!(says(0, "From: alice@home..lan\r\n").unwrap_err().contains("cannot be read"));
    // A second From does not hide behind the first.
    assert!(says(0, "From: scanner@home.lan\r\nFrom: alice@home.lan\r\n").is_err());
    let twice = "From: scanner@home.lan\r\nFrom: scanner@home.lan\r\nSender: scanner@home.lan\r\n";
    assert!(says(0, twice).unwrap_err().contains("2 From fields"));
    for nobody in ["From:\r\n", "From: ()\r\n", "From: <>\r\n", "From: friends:;\r\n"] {
        assert!(says(0, nobody).unwrap_err().contains("From has no address"), "{nobody}");
    }
    let two = "From: scanner@home.lan, scanner@home.lan\r\n";
    // A Sender field that names nobody is none.
    for sender in ["", "Sender:\r\n", "Sender: ()\r\n", "Sender: <>\r\n", "Sender: friends:;\r\n"] {
        assert!(says(0, &format!("{two}{sender}")).unwrap_err().contains("add a Sender"), "{sender}");
    }
    assert_eq!(says(0, &format!("{two}Sender: scanner@home.lan\r\n")), Ok(()));
    assert!(says(2, "From: a@b.example\r\nSender: alice@home.lan\r\n").is_err());
}

#[test]
fn recipients_can_be_limited() {
    let config = config();
    let may = |client: usize, to: &str| may_write_to(&config, &config.clients[client], &Address::parse(to).unwrap());
    assert!(may(0, "any@example.com") && may(0, "alice@home.lan") && may(1, "any@else.example"));
    assert!(!may(0, "any@else.example") && !may(0, "any@sub.example.com"));
    // The mail system of the allowed domain might send them on.
    for routed in
        ["user%else.example@example.com", "else.example!user@example.com", "\"user@else.example\"@example.com"]
    {
        assert!(!may(0, routed) && may(1, routed), "{routed}");
    }
    let mut listed = config.clients[0].clone();
    listed.allowed_recipients = Some(vec!["a%b@gate.example".to_owned(), "@gate.example".to_owned()]);
    let may = |to: &str| may_write_to(&config, &listed, &Address::parse(to).unwrap());
    assert!(may("a%b@gate.example") && may("c@gate.example") && !may("a%c@gate.example"));
}

#[test]
fn a_client_may_send_from_what_its_patterns_match() {
    let config = config();
    let client = config.clients.iter().find(|client| client.name.as_str() == "router").unwrap();
    for (sender, may) in [
        ("port-7@a.b.router.lan", true),
        ("PORT-7@A.Router.LAN", true),
        ("port@a.router.lan", false),
        ("port-7@home.lan", false),
        ("port-7@a.router.lan.evil.example", false),
    ] {
        let address = Address::parse(sender).unwrap();
        assert_eq!(may_send_from(&config, client, &TableSet::default(), &address), Ok(may), "{sender}");
    }
}
