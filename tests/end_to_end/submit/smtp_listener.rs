//! Listeners: devices and programs on the network submit mail by SMTP, known by their address or by a login.

use std::net::TcpStream;

use postrider::config::scram::ScramHash;
use serde_json::json;
use support::provider::Provider;
use support::wait::wait_for;
use support::world::{World, login};

use super::smtp_client::{Client, MESSAGE, address, arrived, certificate, keys, scanner, trusting, world};

#[test]
fn a_scanner_known_by_its_address_sends_through_the_provider() {
    let isp = Provider::start();
    let world = world(&isp, &trusting(), &scanner());
    let mut runner = world.runner();
    let (mut client, greeting) = Client::connect(address(&runner, "lan"));
    assert_eq!(greeting, "220 homebox.home.lan ESMTP postrider");
    let hello = client.say("EHLO scanner");
    assert!(hello.contains("250-SIZE 50000000") && !hello.contains("STARTTLS") && !hello.contains("AUTH"), "{hello}");
    let stored = client.send("scanner@home.lan", "bob@away.example", MESSAGE);
    let id = stored.strip_prefix("250 2.0.0 Ok: queued as ").unwrap().to_owned();
    let mail = arrived(&isp, "bob@away.example");
    assert_eq!(mail.from, "me+home@isp.example");
    assert_eq!(mail.body(), b".page\r\nbare\r\nline\r\n");
    assert_eq!(mail.field("From"), "me+home@isp.example", "a From that is missing is added");
    let received = mail.field("Received");
    assert!(received.contains("from client scanner") && received.contains("with ESMTP id"), "{received}");
    assert!(!received.contains("127.0.0.1"), "addresses of the house stay in it: {received}");
    assert!(client.say("QUIT").starts_with("221"));
    wait_for("the record", || !world.history().is_empty());
    let record = world.history().remove(0);
    assert_eq!((record["client"].as_str(), record["uid"].is_null()), (Some("scanner"), true), "{record}");
    wait_for("the line of its end", || runner.log().contains("disconnect from unknown[127.0.0.1] quit=1 commands=6"));
    let log = runner.log();
    for line in ["connect from unknown[127.0.0.1]".to_owned(), format!("{id}: client=unknown[127.0.0.1]")] {
        assert!(log.contains(&line), "{line}: {log}");
    }
    runner.signal(rustix::process::Signal::TERM);
    runner.end();
}

#[test]
fn what_a_client_may_not_do_is_refused_with_the_key_to_change() {
    let isp = Provider::start();
    let clients = json!({
        "scanner": { "owner": login(), "networks": ["127.0.0.1"], "allowed_recipients": ["@away.example"] },
    });
    let world = world(&isp, &trusting(), &clients);
    let runner = world.runner();
    let to = address(&runner, "lan");
    for (from, recipient, message, reply) in [
        (
            "alice@home.lan",
            "bob@away.example",
            MESSAGE,
            "550 5.7.1 scanner may not send as <alice@home.lan> (MAIL FROM); add it to senders in [client.scanner], or set from",
        ),
        (
            "",
            "bob@away.example",
            MESSAGE,
            "550 5.7.1 scanner may not send from <>; for a mail system, set relay_for_others = true in [client.scanner]",
        ),
        (
            "scanner@home.lan",
            "eve@else.example",
            MESSAGE,
            "550 5.7.1 scanner may not write to <eve@else.example>; see allowed_recipients in [client.scanner]",
        ),
        (
            "scanner@home.lan",
            "bob@away.example",
            "From: alice@home.lan\r\n\r\nx",
            "550 5.7.1 scanner may not send as <alice@home.lan> (From); add it to senders in [client.scanner], or set from",
        ),
        (
            "scanner@home.lan",
            "bob@away.example",
            "From: scanner@home.lan, scanner+b@home.lan\r\n\r\nx",
            "550 5.7.1 the message has several addresses in From and no Sender; add a Sender field",
        ),
    ] {
        let (mut client, _) = Client::connect(to);
        client.say("EHLO scanner");
        assert_eq!(client.send(from, recipient, message), reply);
    }
    let rejects = runner.log().matches("NOQUEUE: reject: ").count();
    assert_eq!(rejects, 5, "{}", runner.log());
    assert!(world.queued().is_empty() && isp.mails().is_empty());
}

#[test]
fn nobody_submits_without_being_known() {
    let isp = Provider::start();
    let clients = json!({ "laptop": { "owner": login(), "scram": keys("secret", ScramHash::Sha256) } });
    let listener = json!({ "address": ["127.0.0.1:0"], "tls": "none" });
    let world = world(&isp, &listener, &clients);
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    assert!(!client.say("EHLO x").contains("AUTH"), "no password in the clear");
    assert_eq!(client.say("MAIL FROM:<laptop@home.lan>"), "530 5.7.0 log in first (AUTH)");
    assert_eq!(client.say("AUTH PLAIN AGxhcHRvcABzZWNyZXQ="), "502 5.5.1 AUTH is not offered here without TLS");
    assert!(client.say("VRFY laptop").starts_with("252") && client.say("EXPN list").starts_with("502"));
    assert!(isp.mails().is_empty());
}

#[test]
fn a_password_in_the_clear_needs_a_word_and_an_address() {
    let isp = Provider::start();
    let clients = json!({ "camera": {
        "owner": login(), "scram": keys("secret", ScramHash::Sha256), "networks": ["127.0.0.1"], "allow_plaintext": true,
    } });
    let world = world(&isp, &json!({ "address": "127.0.0.1:0", "tls": "none" }), &clients);
    let runner = world.runner();
    let to = address(&runner, "lan");
    let (mut client, _) = Client::connect(to);
    let hello = client.say("EHLO camera");
    assert!(
        hello.contains("250-AUTH SCRAM-SHA-256 PLAIN LOGIN") && hello.contains("250-AUTH=SCRAM-SHA-256"),
        "{hello}"
    );
    assert_eq!(client.say("AUTH PLAIN AGNhbWVyYQB3cm9uZw=="), "535 5.7.8 wrong user name or password");
    assert_eq!(client.say("AUTH PLAIN AGh1bnRlcjIAeA=="), "535 5.7.8 wrong user name or password");
    assert_eq!(client.say("AUTH PLAIN AGNhbWVyYQBzZWNyZXQ="), "235 2.7.0 logged in");
    let stored = client.send("camera@home.lan", "bob@away.example", MESSAGE);
    assert!(stored.starts_with("250"), "{stored}");
    let log = runner.log();
    assert!(
        log.contains("warning: unknown[127.0.0.1]: SASL PLAIN authentication failed: sasl_username=camera"),
        "{log}"
    );
    assert!(log.contains("sasl_username=(unknown)") && !log.contains("hunter2"), "{log}");
    assert!(log.contains("client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=camera"), "{log}");
    assert!(arrived(&isp, "bob@away.example").field("Received").contains("with ESMTPA id"));
}

#[test]
fn another_postrider_logs_in_with_each_mechanism_and_either_tls() {
    let isp = Provider::start();
    let clients = json!({ "laptop": {
        "owner": login(),
        "scram": [keys("pen=cil,", ScramHash::Sha256), keys("pen=cil,", ScramHash::Sha1)],
        "senders": ["@laptop.example", "@home.lan"],
        "account": "isp",
    } });
    for (tls, mechanisms) in [
        ("starttls", &["scram-sha-256-plus", "scram-sha-1-plus", "scram-sha-256", "scram-sha-1", "plain", "login"][..]),
        ("implicit", &["scram-sha-256-plus", "plain"]),
        ("optional", &["scram-sha-256"]),
    ] {
        let listener = json!({ "address": "127.0.0.1:0", "tls": tls, "certificate": "lan.pem", "key": "lan.key" });
        let house = world(&isp, &listener, &clients);
        let pem = certificate(&house);
        let runner = house.runner();
        let to = address(&runner, "lan");
        for mechanism in mechanisms {
            let laptop = World::new().account_keys(
                "house",
                &[
                    ("relay", format!("[127.0.0.1]:{}", to.port()).into()),
                    ("tls", if tls == "implicit" { "implicit" } else { "starttls" }.into()),
                    ("tls_ca", "house.pem".into()),
                    ("username", "laptop".into()),
                    ("password", "pen=cil,".into()),
                    ("auth", json!([mechanism])),
                ],
            );
            laptop.file("house.pem", &pem, 0o644);
            let recipient = format!("{tls}.{mechanism}@away.example");
            laptop.send_to(&[&recipient]).code(0);
            laptop.run_once();
            assert!(laptop.spool("queue").is_empty(), "{tls} {mechanism}: {} {}", laptop.mailq(), runner.log());
            let mail = arrived(&isp, &recipient);
            assert!(mail.fields("Received").iter().any(|field| field.contains("with ESMTPSA id")), "{}", mail.header());
            let method = format!("sasl_method={}, sasl_username=laptop", mechanism.to_uppercase());
            assert!(runner.log().contains(&method), "{method}: {}", runner.log());
        }
    }
}

#[test]
fn tls_that_is_required_comes_before_everything() {
    let isp = Provider::start();
    // What a client may do without TLS elsewhere is nothing here.
    let clients = json!({ "laptop": {
        "owner": login(), "scram": keys("secret", ScramHash::Sha256), "networks": ["127.0.0.1"], "allow_plaintext": true,
    } });
    let listener = json!({ "address": "127.0.0.1:0", "tls": "starttls", "certificate": "lan.pem", "key": "lan.key" });
    let house = world(&isp, &listener, &clients);
    let mut runner = house.runner();
    // Without a certificate that can be read the listener's clients wait; the rest of the machine's mail does not.
    let (_, greeting) = Client::connect(address(&runner, "lan"));
    assert_eq!(greeting, "421 4.3.5 the server's certificate cannot be read; try again later");
    assert!(runner.log().contains("[listen.lan]: cannot use its certificate"), "{}", runner.log());
    certificate(&house);
    let (mut client, greeting) = Client::connect(address(&runner, "lan"));
    assert!(greeting.starts_with("220"), "{greeting}");
    let hello = client.say("EHLO x");
    assert!(hello.contains("STARTTLS") && !hello.contains("AUTH"), "{hello}");
    assert_eq!(client.say("MAIL FROM:<laptop@home.lan>"), "530 5.7.0 STARTTLS first");
    assert_eq!(client.say("AUTH PLAIN AGxhcHRvcABzZWNyZXQ="), "538 5.7.11 no password in clear text: STARTTLS first");
    let reply = client.say("STARTTLS\r\nMAIL FROM:<laptop@home.lan>");
    assert_eq!(reply, "554 5.5.1 data after STARTTLS before the handshake; closing");
    runner.signal(rustix::process::Signal::TERM);
    runner.end();
}

#[test]
fn failures_block_an_address_for_a_while() {
    let isp = Provider::start();
    let clients = json!({ "camera": {
        "owner": login(), "scram": keys("secret", ScramHash::Sha256), "networks": ["127.0.0.1"], "allow_plaintext": true,
    } });
    let listener = json!({ "address": "127.0.0.1:0", "tls": "none", "failures": 2 });
    let world = world(&isp, &listener, &clients);
    let runner = world.runner();
    let to = address(&runner, "lan");
    let (mut client, _) = Client::connect(to);
    client.say("EHLO camera");
    assert!(client.say("AUTH PLAIN AGNhbWVyYQB3cm9uZw==").starts_with("535"));
    let blocked = "421 4.7.0 too many rejected logins from this address; try again later";
    assert_eq!(client.say("AUTH PLAIN AGNhbWVyYQB3cm9uZw=="), blocked);
    assert_eq!(Client::connect(to).1, blocked);
}

#[test]
fn from_replaces_what_a_device_says_and_its_owner_gets_the_bounce() {
    use support::provider::{Verb, on};
    let isp = Provider::start();
    let clients = json!({ "scanner": {
        "owner": login(), "networks": ["127.0.0.1"], "from": "scanner@home.lan", "account": "isp",
    } });
    let owner = format!("{}@home.lan", login());
    let world =
        world(&isp, &trusting(), &clients).generic(&[(&owner, "owner@isp.example"), ("@home.lan", "me@isp.example")]);
    isp.add(on(Verb::Rcpt).about("gone@away.example").reply("550 5.1.1 no such user"));
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO scanner");
    let header = "From: Scan <x@y.z>\r\nFrom: <>\r\n\r\nx";
    let stored = client.send("root@localhost.localdomain", "gone@away.example", header);
    assert!(stored.starts_with("250"), "{stored}");
    let bounce = arrived(&isp, "owner@isp.example");
    assert!(bounce.text().contains("gone@away.example"), "{}", bounce.text());
    assert!(
        bounce.text().contains("From: Scan <me@isp.example>")
            || bounce.text().contains("From: Scan <scanner@home.lan>"),
        "{}",
        bounce.text()
    );
}

#[test]
fn ports_follow_the_configuration() {
    let isp = Provider::start();
    let world = world(&isp, &trusting(), &scanner());
    let runner = world.runner();
    let to = address(&runner, "lan");
    assert!(TcpStream::connect(to).is_ok());
    let world = world.set("listen", json!({}));
    wait_for("the port to close", || TcpStream::connect(to).is_err());
    let listener = json!({ "lan": { "address": to.to_string(), "tls": "none", "trust": ["scanner"] } });
    let _world = world.set("listen", listener);
    wait_for("the port to open", || TcpStream::connect(to).is_ok());
    assert!(Client::connect(to).1.starts_with("220"));
}

#[test]
fn a_port_that_is_taken_is_in_status_and_check_until_it_is_free() {
    let isp = Provider::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = taken.local_addr().unwrap();
    let listener = json!({ "address": to.to_string(), "tls": "none", "trust": ["scanner"] });
    let world = world(&isp, &listener, &scanner());
    let _runner = world.runner();
    let why = format!("listener lan cannot listen on {to}: address in use");
    wait_for("status to say so", || world.postrider(&["status"]).stdout.contains(&why));
    world.postrider(&["status"]).code(2).says("CRITICAL");
    world.postrider(&["check"]).code(78).says(&format!("error: {why}; stop what uses the port"));
    world.sendmail(&["bob@away.example"], "Subject: local\n\nx\n").code(0);
    arrived(&isp, "bob@away.example");
    drop(taken);
    wait_for("status to be good", || world.postrider(&["status"]).stdout.contains("OK: "));
    assert!(Client::connect(to).1.starts_with("220"));
}

#[test]
fn a_certificate_that_cannot_be_read_is_in_status_and_check_before_any_client_comes() {
    let isp = Provider::start();
    let listener =
        json!({ "address": "127.0.0.1:0", "tls": "starttls", "certificate": "lan.pem", "trust": ["scanner"] });
    let world = world(&isp, &listener, &scanner());
    let runner = world.runner();
    let why = "listener lan cannot use its certificate: cannot read ";
    world.postrider(&["status"]).code(2).says(why).says("lan.pem: entity not found (create it, or change");
    world.postrider(&["check"]).code(78).says(&format!("error: {why}"));
    wait_for("the log to say so", || runner.log().contains("[listen.lan]: cannot use its certificate"));
    world.file("lan.pem", &rcgen::generate_simple_self_signed(vec!["lan".to_owned()]).unwrap().cert.pem(), 0o644);
    world.postrider(&["check"]).code(78).says("lan.pem contains no private key");
    certificate(&world);
    let both = ["lan.pem", "lan.key"].map(|name| std::fs::read_to_string(world.path(name)).unwrap()).concat();
    world.file("lan.pem", &both, 0o644);
    world.postrider(&["status"]).code(0);
    world.postrider(&["check"]).code(78).says("listener lan: others can read the key");
    // One that breaks later is seen without a client as well.
    let other = rcgen::generate_simple_self_signed(vec!["lan".to_owned()]).unwrap();
    world.file("lan.pem", &[other.cert.pem(), std::fs::read_to_string(world.path("lan.key")).unwrap()].concat(), 0o600);
    world.postrider(&["status"]).code(2).says("the private key is not the certificate's (`key` must be the key of");
}

#[test]
fn the_disk_under_a_users_own_spool_is_not_kept_for_root() {
    let isp = Provider::start();
    let world = world(&isp, &trusting(), &scanner()).set("limits", json!({ "root_reserve": "10000TB" }));
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO scanner");
    let stored = client.send("scanner@home.lan", "bob@away.example", MESSAGE);
    assert!(stored.starts_with("250"), "{stored}");
    world.postrider(&["status"]).code(0);
    arrived(&isp, "bob@away.example");
}

#[test]
fn check_names_a_certificate_that_does_not_fit_and_an_owner_who_is_not_there() {
    let isp = Provider::start();
    let listener = json!({ "address": "127.0.0.1:0", "tls": "starttls", "certificate": "lan.pem", "key": "lan.key" });
    let clients = json!({ "camera": { "owner": "nobody-of-that-name", "scram": keys("secret", ScramHash::Sha256) } });
    let world = world(&isp, &listener, &clients);
    certificate(&world);
    let said = world.postrider(&["check"]).code(78).stdout;
    assert!(
        said.contains("client camera belongs to \"nobody-of-that-name\", which is not a user of this machine"),
        "{said}"
    );
    assert!(!said.contains("the certificate of listener lan"), "it is for 127.0.0.1: {said}");
    let other = rcgen::generate_simple_self_signed(vec!["other.example".to_owned()]).unwrap();
    world.file("lan.pem", &other.cert.pem(), 0o644);
    world.file("lan.key", &other.signing_key.serialize_pem(), 0o600);
    world
        .postrider(&["check"])
        .says("warning: the certificate of listener lan is for other.example; clients that verify");
}

#[test]
fn addresses_that_cannot_be_opened_beside_one_another_are_an_error() {
    let isp = Provider::start();
    for (lan, more, said) in [
        (":2525", "127.0.0.1:2525", "[listen.lan] has 0.0.0.0:2525, and 127.0.0.1:2525 cannot be opened as well"),
        ("[::1]:2525", ":2525", "[listen.lan] has [::1]:2525, and [::]:2525 cannot be opened as well"),
        ("127.0.0.1:2525", "127.0.0.1:2526", ""),
        ("[::]:2525", "0.0.0.0:2525", ""),
    ] {
        let listen = |address| json!({ "address": address, "tls": "none" });
        let world =
            World::at_home(&isp).set("listen", json!({ "lan": listen(json!(lan)), "more": listen(json!(more)) }));
        world.postrider(&["check"]).code(if said.is_empty() { 0 } else { 78 }).says(said);
        let world = world.set("listen", json!({ "lan": listen(json!([lan, more])) }));
        let said = said.strip_prefix("[listen.lan]").map(|rest| format!("`address`{rest}")).unwrap_or_default();
        world.postrider(&["check"]).code(if said.is_empty() { 0 } else { 78 }).says(&said);
    }
    let world = World::at_home(&isp).set(
        "listen",
        json!({
            "lan": { "address": ["127.0.0.1:2525", "[::1]:2525"], "tls": "none" },
            "more": { "address": "[::1]:2525", "tls": "none" },
        }),
    );
    world.postrider(&["check"]).code(78).says("[listen.lan] has one of these addresses as well: remove it from one");
}

#[test]
fn a_socket_that_the_service_manager_opens_is_served_by_the_listener_of_its_name() {
    use std::os::fd::AsRawFd as _;
    let isp = Provider::start();
    let listener = json!({ "address": "systemd", "tls": "none", "trust": ["scanner"] });
    let world = world(&isp, &listener, &scanner());
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::empty()).unwrap();
    let start = |name: &str| {
        let mut command = world.command(support::world::built("postrider"), &["run"]);
        command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", name);
        command.env("LISTEN_FDS_FIRST_FD", socket.as_raw_fd().to_string());
        support::world::Runner::start(command, world.path(&format!("{name}.log")))
    };
    let runner = start("lan");
    let to = address(&runner, "lan");
    assert_eq!(to, socket.local_addr().unwrap());
    let (mut client, _) = Client::connect(to);
    client.say("EHLO scanner");
    assert!(client.send("scanner@home.lan", "bob@away.example", MESSAGE).starts_with("250"));
    arrived(&isp, "bob@away.example");
    drop(runner);
    let _runner = start("other");
    let why = "listener lan cannot listen on systemd: no socket named lan was passed to the service";
    wait_for("status to say so", || world.postrider(&["status"]).stdout.contains(why));
    world.postrider(&["check"]).code(78).says("enable a .socket unit with FileDescriptorName=lan");
}
