//! The ways to a provider: several relays in their order, several addresses of one, the address of this machine
//! that a connection comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::provider::{Blackhole, Certificate, Provider, Setup, Verb, greeting, on};
use support::world::{World, is_root, run};

/// A world whose account has these relays, and the last one's login and authority.
fn world(relays: &[&Provider]) -> World {
    let list: Vec<Value> = relays.iter().map(|relay| json!(relay.relay())).collect();
    World::at_home(relays[relays.len() - 1]).account_keys("isp", &[("relay", json!(list))])
}

#[test]
fn relays_are_tried_in_order_and_each_that_cannot_be_used_leads_to_the_next() {
    let bad = |setup: Setup| setup.start();
    let first = [
        bad(Provider::setup().rule(greeting().reply_and_close("554 5.3.2 not today"))),
        bad(Provider::setup().rule(on(Verb::Ehlo).reply("451 4.3.0 later"))),
        bad(Provider::setup().without("STARTTLS")),
        bad(Provider::setup().certificate(Certificate::SelfSigned(vec!["127.0.0.1".to_owned()]))),
        bad(Provider::setup().rule(greeting().close())),
    ];
    let (closed, isp) = (Provider::setup().start_closed(), Provider::start());
    let relays: Vec<&Provider> = first.iter().chain([&closed, &isp]).collect();
    let world = world(&relays);
    world.send_to(&["bob@away.example"]).code(0);
    let told = world.postrider(&["flush", "-v"]).code(0).stdout;
    assert_eq!(isp.mail().to, ["bob@away.example"]);
    for relay in &first {
        assert_eq!((relay.connections(), relay.logins().len()), (1, 0), "each once, and none got the login");
    }
    // The order is the config's.
    let places: Vec<usize> =
        relays.iter().map(|relay| told.find(&format!("[127.0.0.1]:{}", relay.port())).expect(&told)).collect();
    assert!(places.is_sorted(), "{told}");
}

#[test]
fn what_the_owner_must_mend_is_not_carried_from_relay_to_relay() {
    // The same wrong password at every relay would lock the account.
    let (one, two) = (Provider::start(), Provider::start());
    let world = world(&[&one, &two]).account_keys("isp", &[("password", json!("wrong horse"))]);
    world.file("isp.pem", one.authority(), 0o644);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((one.logins().len(), two.connections(), world.queued().len()), (1, 0, 1));
}

#[test]
fn where_no_relay_can_be_used_the_one_that_got_furthest_is_told() {
    let (closed, further) = (Provider::setup().start_closed(), Provider::setup().without("STARTTLS").start());
    let nobody = Blackhole::at((Ipv4Addr::LOCALHOST, 0));
    let list = json!([further.relay(), closed.relay(), nobody.relay()]);
    let world =
        World::at_home(&further).account_keys("isp", &[("relay", list), ("timeouts", json!({"connect": "1s"}))]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    let mailq = world.mailq();
    assert!(mailq.contains("STARTTLS"), "{mailq}");
}

#[test]
fn connections_come_from_the_address_that_the_account_names() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("source_address", json!("127.0.0.9"))]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.received(), isp.callers()), (1, vec![IpAddr::from([127, 0, 0, 9])]));
    // An address of another machine: the words name the key.
    let world = world.account_keys("isp", &[("source_address", json!("192.0.2.7"))]);
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert!(said.contains("source_address 192.0.2.7") && said.contains("is it an address of this machine?"), "{said}");
    assert_eq!((isp.connections(), world.queued().len()), (1, 1));
}

/// Runs `postrider ARGS` where `both.example` has an address of each family; nothing where that cannot be had.
fn with_both_addresses(world: &World, args: &[&str]) -> Option<support::world::Ran> {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return None;
    }
    // A mount namespace of its own, in which the hosts file is another.
    let unshare = if is_root() { "-m" } else { "-rm" };
    if !Command::new("unshare").args([unshare, "true"]).output().is_ok_and(|ended| ended.status.success()) {
        eprintln!("skipped: no mount namespace can be made here");
        return None;
    }
    let hosts = world.file("hosts", "127.0.0.1 both.example\n::1 both.example\n", 0o644);
    let script = format!("mount --bind {} /etc/hosts && exec \"$@\"", hosts.display());
    let program = [unshare, "sh", "-c", &script, "sh", env!("CARGO_BIN_EXE_postrider")];
    Some(run(world.command("unshare", &[&program[..], args].concat()), b""))
}

/// The mail arrives at the first attempt, although one of the two addresses is of no use; how long that took.
#[track_caller]
fn falls_over(isp: &Provider) -> Option<Duration> {
    let keys = [("relay", json!(format!("[both.example]:{}", isp.port()))), ("tls_name", json!("localhost"))];
    let world = World::at_home(isp).account_keys("isp", &keys);
    world.send_to(&["bob@away.example"]).code(0);
    let began = Instant::now();
    let ran = with_both_addresses(&world, &["run", "--once"])?.code(0);
    assert_eq!((isp.received(), world.queued().len()), (1, 0), "{}", ran.stderr);
    Some(began.elapsed())
}

#[test]
fn an_address_of_one_family_that_refuses_gives_way_to_the_other() {
    // Nothing listens at the other address of the same port.
    for (setup, from) in [
        (Provider::setup(), IpAddr::from(Ipv4Addr::LOCALHOST)),
        (Provider::setup().over_ipv6(), IpAddr::from(Ipv6Addr::LOCALHOST)),
    ] {
        let isp = setup.start();
        if falls_over(&isp).is_some() {
            assert_eq!(isp.callers(), [from]);
        }
    }
}

#[test]
fn an_address_of_one_family_that_answers_nobody_costs_a_moment_and_no_timeout() {
    let ipv4: fn() -> Provider = || Provider::setup().start();
    let ipv6: fn() -> Provider = || Provider::setup().over_ipv6().start();
    for (start, other) in [(ipv4, IpAddr::from(Ipv6Addr::LOCALHOST)), (ipv6, IpAddr::from(Ipv4Addr::LOCALHOST))] {
        // Another test may have that port of the other family.
        let blocked = || {
            let isp = start();
            Blackhole::at_free((other, isp.port())).map(|nobody| (isp, nobody))
        };
        let (isp, _nobody) = (0..20).find_map(|_| blocked()).expect("a port that is free in both families");
        if let Some(took) = falls_over(&isp) {
            assert!(took < Duration::from_secs(25), "the limit for connecting is 30 s: {took:?}");
        }
    }
}
