//! What an open session of a listener may still do when the configuration changes, and what others at its address can do to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postrider::config::scram::ScramHash;
use serde_json::json;
use support::provider::Provider;
use support::wait::wait_for;
use support::world::login;

use super::smtp_client::{Client, MESSAGE, address, keys, scanner, trusting, world};

const PLAIN: &str = "AUTH PLAIN AGxhcHRvcABzZWNyZXQ=";
const FIRST: &str = "530 5.7.0 log in first (AUTH)";

#[test]
fn an_open_session_loses_what_the_configuration_takes_away() {
    let isp = Provider::start();
    let laptop = |password: &str| {
        json!({ "owner": login(), "networks": ["127.0.0.1"], "allow_plaintext": true,
                "scram": keys(password, ScramHash::Sha256) })
    };
    let clients = json!({ "scanner": scanner()["scanner"], "laptop": laptop("secret") });
    let world = world(&isp, &trusting(), &clients);
    let runner = world.runner();
    let to = address(&runner, "lan");
    let (mut device, _) = Client::connect(to);
    let (mut person, _) = Client::connect(to);
    device.say("EHLO scanner");
    person.say("EHLO laptop");
    assert!(person.say(PLAIN).starts_with("235"));
    assert!(device.say("MAIL FROM:<scanner@home.lan>").starts_with("250"));
    assert!(person.say("MAIL FROM:<laptop@home.lan>").starts_with("250"));
    // Another password, and no trust any more.
    let clients = json!({ "scanner": scanner()["scanner"], "laptop": laptop("another") });
    let listener = json!({ "address": to.to_string(), "tls": "none" });
    let world = world.set("client", clients).set("listen", json!({ "lan": listener }));
    let refused = |session: &mut Client, from: &str| {
        session.say("RSET");
        session.say(&format!("MAIL FROM:<{from}@home.lan>")) == FIRST
    };
    wait_for("the new password to count", || refused(&mut person, "laptop"));
    wait_for("the trust to end", || refused(&mut device, "scanner"));
    drop(world);
}

#[test]
fn wrong_logins_of_others_at_an_address_lock_no_client_out_that_needs_none() {
    let isp = Provider::start();
    let laptop = json!({ "owner": login(), "networks": ["127.0.0.1"], "allow_plaintext": true,
                         "scram": keys("secret", ScramHash::Sha256) });
    let clients = json!({ "scanner": scanner()["scanner"], "laptop": laptop });
    let open = json!({ "address": "127.0.0.2:0", "tls": "none", "failures": 1 });
    let world = world(&isp, &trusting(), &clients);
    let world = world.set("listen", json!({ "lan": trusting(), "guessed": open }));
    let runner = world.runner();
    let (mut guesser, _) = Client::connect(address(&runner, "guessed"));
    guesser.say("EHLO x");
    assert!(guesser.say("AUTH PLAIN AGxhcHRvcAB3cm9uZw==").starts_with("421"));
    let (_, greeting) = Client::connect(address(&runner, "guessed"));
    assert!(greeting.starts_with("421"), "{greeting}");
    let (_, greeting) = Client::connect(address(&runner, "lan"));
    assert!(greeting.starts_with("220"), "{greeting}");
}

#[test]
fn what_a_client_sent_fills_no_file_and_an_address_has_one_domain() {
    let isp = Provider::start();
    let world = world(&isp, &trusting(), &scanner());
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO scanner");
    client.say("MAIL FROM:<scanner@home.lan>");
    assert!(client.say("RCPT TO:<evil@bad.example@isp.example>").starts_with("501 5.1.3 bad address"));
    assert!(client.say("RCPT TO:<\"evil@bad.example\"@isp.example>").starts_with("250"));
    client.say("RSET");
    let unreadable = format!("From: {}\r\nSubject: x\r\n\r\ntext", "\"\\".repeat(100_000));
    let reply = client.send("scanner@home.lan", "bob@away.example", &unreadable);
    assert!(reply.starts_with('5'), "{reply}");
    wait_for("the refusal on record", || world.path("spool/clients.json").exists());
    let size = std::fs::metadata(world.path("spool/clients.json")).unwrap().len();
    assert!(size < 10_000, "{size}");
}

#[test]
fn a_client_that_may_write_to_few_has_no_mail_sent_on_and_a_sender_field_without_an_address_is_none() {
    let isp = Provider::start();
    let few = json!({ "owner": login(), "networks": ["127.0.0.1"], "allowed_recipients": ["@isp.example"] });
    let world = world(&isp, &trusting(), &json!({ "scanner": few }));
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO scanner");
    client.say("MAIL FROM:<scanner@home.lan>");
    assert!(client.say("RCPT TO:<friend@isp.example>").starts_with("250"));
    for to in ["user%away.example@isp.example", "away.example!user@isp.example", "\"user@away.example\"@isp.example"] {
        let reply = client.say(&format!("RCPT TO:<{to}>"));
        assert!(reply.starts_with("550 5.7.1 scanner may not write to"), "{to}: {reply}");
    }
    client.say("RSET");
    let message = |sender| format!("From: scanner@home.lan, scanner@home.lan\r\n{sender}Subject: x\r\n\r\ntext");
    for sender in ["", "Sender:\r\n", "Sender: <>\r\n"] {
        let reply = client.send("scanner@home.lan", "friend@isp.example", &message(sender));
        assert!(reply.starts_with("550 5.7.1") && reply.contains("add a Sender field"), "{sender}: {reply}");
    }
    let reply = client.send("scanner@home.lan", "friend@isp.example", &message("Sender: scanner@home.lan\r\n"));
    assert!(reply.starts_with("250"), "{reply}");
}

#[test]
fn a_client_may_log_in_with_a_domain_of_this_machine_after_its_name() {
    let isp = Provider::start();
    let clients = json!({ "laptop": {
        "owner": login(), "scram": keys("pencil", ScramHash::Sha256), "networks": ["127.0.0.1"], "allow_plaintext": true,
        "account": "isp",
    } });
    let world = world(&isp, &json!({ "address": "127.0.0.1:0", "tls": "none" }), &clients);
    let runner = world.runner();
    for (name, is_let_in) in [
        ("laptop", true),
        ("laptop@home.lan", true),
        ("laptop@HOMEBOX.home.lan", true),
        ("laptop@other.example", false),
        ("laptop@home.lan@other.example", false),
        ("@home.lan", false),
    ] {
        let (mut client, _) = Client::connect(address(&runner, "lan"));
        client.say("EHLO laptop");
        let reply = client.say(&format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{name}\0pencil"))));
        assert_eq!(reply.starts_with("235"), is_let_in, "{name}: {reply}");
        let sent = client.send("laptop@home.lan", "bob@away.example", MESSAGE);
        assert_eq!(sent.starts_with("250"), is_let_in, "{name}: {sent}");
    }
    wait_for("the mails", || isp.mails().len() == 3);
}
