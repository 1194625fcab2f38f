//! Each limit of `[account.NAME.timeouts]`, set alone: a server that is silent at that step, and only there, is
//! given up when the limit says so, where the RFC's would be minutes.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::provider::{Blackhole, Gate, Provider, Setup, Verb, after_dot, during_content, greeting, handshake, on};
use support::world::World;

/// Only this limit is set: its step is the one that took too long, and the mail waits.
#[track_caller]
fn gives_up(key: &str, keys: &[(&str, Value)], setup: Setup, at: &str, content: &str) -> Provider {
    let isp = setup.start();
    let world = World::at_home(&isp).account_keys("isp", &[("timeouts", json!({ key: "1s" }))]);
    let world = world.account_keys("isp", keys);
    world.sendmail(&["-i", "-f", "alice", "--", "bob@away.example"], format!("Subject: x\n\n{content}")).code(0);
    let said = world.run_once().stderr;
    let mailq = world.mailq();
    assert!(said.contains("did not answer in time") && said.contains(at), "{key} ends {at}: {said}");
    assert!(mailq.contains("did not answer in time"), "{mailq}");
    assert_eq!((isp.received(), world.queued().len()), (0, 1));
    isp
}

#[test]
fn each_limit_alone_ends_a_silence_at_its_step() {
    let silent = |rule: support::provider::Rule| Provider::setup().rule(rule.silence());
    for (key, setup, at) in [
        ("greeting", silent(greeting()), "while waiting for the greeting"),
        ("helo", silent(on(Verb::Ehlo)), "at EHLO"),
        ("starttls", silent(on(Verb::StartTls)), "at STARTTLS"),
        ("starttls", silent(handshake()), "during the TLS handshake"),
        ("auth", silent(on(Verb::Auth)), "at AUTH"),
        ("mail", silent(on(Verb::Mail)), "at MAIL FROM"),
        ("rcpt", silent(on(Verb::Rcpt)), "at RCPT TO"),
        ("data", silent(on(Verb::Data)), "at DATA"),
        ("final", silent(after_dot()), "after the message was sent"),
    ] {
        gives_up(key, &[], setup, at, "short\n");
    }
}

#[test]
fn the_limit_for_connecting_ends_the_wait_for_a_port_that_answers_nobody() {
    let nobody = Blackhole::at((Ipv4Addr::LOCALHOST, 0));
    gives_up("connect", &[("relay", json!(nobody.relay()))], Provider::setup(), "while connecting", "short\n");
}

#[test]
fn the_limit_for_a_block_ends_the_wait_for_a_server_that_reads_no_more() {
    // More than all buffers on the way take.
    let content = "a line of a large message, as it goes on and on\n".repeat(400_000);
    let gate = Gate::closed();
    let setup = Provider::setup().rule(during_content().behind(&gate));
    let isp = gives_up("block", &[], setup, "while sending the content", &content);
    gate.open();
    assert_eq!(isp.dots(), 0);
}

#[test]
fn the_limit_for_quit_is_how_long_a_goodbye_is_waited_for() {
    let isp = Provider::setup().rule(on(Verb::Quit).silence()).start();
    let world = World::at_home(&isp).account_keys("isp", &[("timeouts", json!({"quit": "6s"}))]);
    world.send_to(&["bob@away.example"]).code(0);
    let began = Instant::now();
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (1, 0));
    assert!(began.elapsed() >= Duration::from_secs(6), "without the key it is five seconds at most");
}
