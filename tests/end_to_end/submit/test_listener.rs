//! `postrider test --listener`: a listener as its clients see it, and that it relays for nobody.

use postrider::config::scram::ScramHash;
use serde_json::{Value, json};
use support::provider::Provider;
use support::wait::wait_for;
use support::world::{Runner, World, login};

use super::smtp_client::{address, certificate, keys, scanner, world};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A machine with this listener on a port that is known, and its runner.
fn started(isp: &Provider, mut listener: Value, clients: &Value) -> (World, Runner) {
    listener["address"] = json!(format!("127.0.0.1:{}", free_port()));
    let world = world(isp, &listener, clients);
    certificate(&world);
    let runner = world.runner();
    address(&runner, "lan");
    (world, runner)
}

const NOTHING: &str = "17 ways tried, no relays accepted";

#[test]
fn certificate_ehlo_and_the_login_of_a_client_are_shown_and_no_relay_is_accepted() {
    let isp = Provider::start();
    let laptop =
        json!({ "laptop": { "owner": login(), "scram": keys("pencil", ScramHash::Sha256), "account": "isp" } });
    for tls in ["starttls", "implicit", "optional"] {
        let listener = json!({ "tls": tls, "certificate": "lan.pem", "key": "lan.key" });
        let (world, runner) = started(&isp, listener, &laptop);
        let password = world.file("password", "pencil\n", 0o600).display().to_string();
        let ran = world.postrider(&["test", "--listener", "lan", "--client", "laptop", "--password-file", &password]);
        let said = ran.code(0).stdout;
        for text in [
            "Listener lan at 127.0.0.1:",
            "127.0.0.1",
            "< 250-SMTPUTF8",
            "login successful (SCRAM-SHA-256-PLUS)",
            "Relay test from 127.86.17.4, which is no client's address:",
            "  1. MAIL FROM:<spamtest@relaytest.example> RCPT TO:<user@relaytest.example>: 530 5.7.0 log in first (AUTH)",
        ] {
            assert!(said.contains(text), "{text}: {said}");
        }
        assert!(said.ends_with(&format!("{NOTHING}\n")) && !said.contains("pencil"), "{said}");
        // The runner may write its last line after the client has gone.
        let ended = || runner.log().matches("disconnect from unknown[127.86.17.4]").count();
        wait_for("each way to end", || ended() >= 17);
        assert_eq!(ended(), 17);
    }
    assert!(isp.mails().is_empty());
}

#[test]
fn a_wrong_password_and_a_wrong_name_are_told() {
    let isp = Provider::start();
    let laptop =
        json!({ "laptop": { "owner": login(), "scram": keys("pencil", ScramHash::Sha256), "account": "isp" } });
    let listener = json!({ "tls": "starttls", "certificate": "lan.pem", "key": "lan.key" });
    let (world, _runner) = started(&isp, listener, &laptop);
    let password = world.file("password", "wrong\n", 0o600).display().to_string();
    let test = |more: &[&str]| world.postrider(&[&["test", "--listener"], more].concat());
    test(&["--client", "laptop", "--password-file", &password]).code(78).says("FAILED at ").says("535 5.7.8");
    test(&["wan"]).code(64).says("there is no listener wan; existing listeners: lan");
    test(&["--client", "laptop"]).code(64).says("name the file with the client's password: --password-file FILE");
    test(&["--client", "camera", "--password-file", &password]).code(64).says("there is no client camera");
    world.postrider(&["test", "--client", "laptop"]).code(64);
}

#[test]
fn the_relay_test_comes_from_an_address_that_is_no_clients() {
    let isp = Provider::start();
    let trusting = json!({ "tls": "none", "trust": ["scanner"] });
    let (world, _runner) = started(&isp, trusting.clone(), &scanner());
    let said = world.postrider(&["test", "--listener"]).code(0).stdout;
    assert!(said.ends_with(&format!("{NOTHING}\n")) && said.contains("without TLS; no login"), "{said}");
    let everywhere = json!({ "scanner": { "owner": login(), "networks": ["127.0.0.0/8"] } });
    let (world, _runner) = started(&isp, trusting, &everywhere);
    world.postrider(&["test", "--listener"]).code(1).says("Relay test skipped: every local address");
    assert!(isp.mails().is_empty());
}
