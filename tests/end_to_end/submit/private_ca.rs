//! Listeners without a certificate of their owner: a private CA is made once, what it signs is verified by clients, renewed in time
//! and announced before, and nobody else's eyes or hands come near its key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use postrider::config::scram::ScramHash;
use postrider::tls::certificate::Identity;
use postrider::tls::private_ca::{CaCertificate, Days, PrivateCa, new_key};
use serde_json::{Value, json};
use support::provider::Provider;
use support::wait::wait_for;
use support::world::{Runner, World, login};

use super::smtp_client::{Client, address, keys, scanner, world};

fn laptop() -> Value {
    let keys = [keys("pencil", ScramHash::Sha256), keys("pencil", ScramHash::Sha1)];
    json!({ "laptop": { "owner": login(), "scram": keys, "senders": ["@home.lan"], "account": "isp" } })
}

/// A machine whose listener has TLS and no certificate.
fn house(isp: &Provider) -> World {
    world(isp, &json!({ "address": "127.0.0.1:0", "tls": "starttls" }), &laptop())
}

fn today() -> Date {
    Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn state(world: &World, name: &str) -> std::path::PathBuf {
    world.path("spool/state").join(name)
}

fn read(world: &World, name: &str) -> String {
    fs::read_to_string(state(world, name)).unwrap()
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The runner once its listener is open: its certificate is made before.
fn listening(world: &World) -> Runner {
    let runner = world.runner();
    address(&runner, "lan");
    runner
}

/// A mail by a client that trusts this CA alone and calls the listener by this name, in the mode that its runner has.
fn send(house: &Runner, ca: &str, name: &str) -> World {
    let relay = format!("[127.0.0.1]:{}", address(house, "lan").port());
    let laptop = World::new().account_keys(
        "house",
        &[
            ("relay", relay.into()),
            ("tls", "starttls".into()),
            ("tls_ca", "house.pem".into()),
            ("tls_name", name.into()),
            ("username", "laptop".into()),
            ("password", "pencil".into()),
        ],
    );
    laptop.file("house.pem", ca, 0o644);
    laptop.send_to(&["bob@away.example"]).code(0);
    laptop.run_once();
    laptop
}

/// Puts a CA and a certificate of the listener that ends on this day into the state directory; both texts.
fn plant(world: &World, until: Date) -> (String, String) {
    fs::create_dir_all(world.path("spool")).unwrap();
    for folder in ["spool", "spool/state"] {
        fs::create_dir_all(world.path(folder)).unwrap();
        mode(&world.path(folder), 0o700);
    }
    let (ca_key, key) = (new_key().unwrap(), new_key().unwrap());
    let days = |until| Days { from: today().saturating_sub(300.days()), until };
    let hosts = ["homebox.home.lan", "homebox.local", "localhost"].map(str::to_owned);
    let networks = [("127.0.0.0".parse().unwrap(), 8)];
    let ca = PrivateCa::generate(ca_key.as_bytes(), "CA", &hosts, &networks, days(today().saturating_add(3000.days())))
        .unwrap();
    let names = [&hosts[..], &["127.0.0.1".to_owned()]].concat();
    let certificate = ca.issue(&names, key.as_bytes(), days(until)).unwrap();
    for (name, text) in
        [("ca.key", ca_key.as_str()), ("ca.pem", &ca.certificate.pem), ("listener-lan.pem", &certificate)]
    {
        world.file(&format!("spool/state/{name}"), text, 0o600);
    }
    (ca.certificate.pem, certificate.to_string())
}

/// The private key in a PEM text.
fn key_of(pem: &str) -> &str {
    &pem[pem.find("-----BEGIN PRIVATE KEY-----").unwrap()..]
}

fn until(path: &Path) -> Date {
    let facts = Identity::read(path, path).unwrap().facts().unwrap();
    Timestamp::from_second(facts.not_after.cast_signed()).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date()
}

#[test]
fn a_listener_without_a_certificate_has_one_of_a_private_ca_which_check_exports_and_clients_verify() {
    let isp = Provider::start();
    let world = house(&isp);
    world
        .postrider(&["check", "--ca"])
        .code(66)
        .says("there is no private CA yet: the service makes it when it starts");
    let runner = listening(&world);
    let pem = world.postrider(&["check", "--ca"]).code(0).stdout;
    assert_eq!(pem.trim(), read(&world, "ca.pem").trim());
    for name in ["homebox.home.lan", "homebox.local", "127.0.0.1"] {
        let laptop = send(&runner, &pem, name);
        assert!(laptop.spool("queue").is_empty(), "{name}: {}", laptop.mailq());
    }
    wait_for("the mails", || isp.mails().len() == 3);
    let stranger = send(&runner, &pem, "www.bank.example");
    assert!(stranger.mailq().contains("the certificate is not for www.bank.example"), "{}", stranger.mailq());
    let ca = CaCertificate::parse(pem.as_bytes()).unwrap();
    let said = world.postrider(&["check"]).stdout;
    assert!(said.contains(&format!("private CA: SHA-256 {}, valid until ", ca.fingerprint())), "{said}");
    let log = runner.log();
    assert!(log.contains(&format!("private CA created, SHA-256 {}", ca.fingerprint())), "{log}");
    assert!(log.contains("certificate of lan issued, valid until "), "{log}");
    assert_eq!(until(&state(&world, "listener-lan.pem")), today().saturating_add(824.days()));
    let decade = today().saturating_sub(1.day()).saturating_add(10.years());
    assert_eq!(until_of_ca(&ca), decade);
    assert!(ca.permits("192.168.1.9") && !ca.permits("www.bank.example") && !ca.permits("203.0.113.7"));
    for (name, expected) in [("", 0o700), ("ca.key", 0o600), ("ca.pem", 0o600), ("listener-lan.pem", 0o600)] {
        assert_eq!(fs::metadata(state(&world, name)).unwrap().permissions().mode() & 0o7777, expected, "{name}");
    }
    world.postrider(&["status"]).code(0);
}

fn until_of_ca(ca: &CaCertificate) -> Date {
    Timestamp::from_second(ca.facts.not_after.cast_signed()).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date()
}

#[test]
fn the_next_runner_uses_the_same_ca_and_the_same_certificate() {
    let isp = Provider::start();
    let world = house(&isp);
    drop(listening(&world));
    let before = ["ca.pem", "ca.key", "listener-lan.pem"].map(|name| read(&world, name));
    let runner = listening(&world);
    assert_eq!(["ca.pem", "ca.key", "listener-lan.pem"].map(|name| read(&world, name)), before);
    assert!(!runner.log().contains("issued") && !runner.log().contains("private CA created"), "{}", runner.log());
}

#[test]
fn a_certificate_that_ends_within_thirty_days_is_renewed_with_the_same_key_and_ca() {
    let isp = Provider::start();
    let world = house(&isp);
    let (ca, old) = plant(&world, today().saturating_add(30.days()));
    let runner = listening(&world);
    let new = read(&world, "listener-lan.pem");
    assert!(new != old && key_of(&new) == key_of(&old) && read(&world, "ca.pem") == ca);
    assert!(runner.log().contains("certificate of lan issued, valid until "), "{}", runner.log());
    let laptop = send(&runner, &ca, "homebox.home.lan");
    assert!(laptop.spool("queue").is_empty(), "{}", laptop.mailq());
    world.postrider(&["status"]).code(0);
}

#[test]
fn a_renewal_is_announced_thirty_days_ahead_in_log_status_and_check() {
    let isp = Provider::start();
    let world = house(&isp);
    let (_, old) = plant(&world, today().saturating_add(60.days()));
    let runner = listening(&world);
    assert_eq!(read(&world, "listener-lan.pem"), old);
    let day = today().saturating_add(30.days());
    let text = format!("the certificate of listener lan will be renewed on {day}");
    world.postrider(&["status"]).code(1).says(&text);
    world
        .postrider(&["check"])
        .code(1)
        .says(&format!("warning: {text}; devices that trust the private CA will not notice"));
    // It is said when the first client comes at the latest, and once.
    for _ in 0..3 {
        Client::connect(address(&runner, "lan"));
    }
    let line = format!("[listen.lan]: its certificate will be renewed on {day}, with the same key and CA");
    wait_for("the log to say so", || runner.log().contains(&line));
    assert_eq!(runner.log().matches(&line).count(), 1, "{}", runner.log());
    let other = house(&isp);
    plant(&other, today().saturating_add(61.days()));
    let _runner = listening(&other);
    other.postrider(&["status"]).code(0);
}

#[test]
fn what_others_could_read_is_not_used_and_nothing_is_made_in_its_place() {
    let isp = Provider::start();
    for (name, open, right) in [("", 0o755, "700"), ("ca.key", 0o640, "600"), ("ca.pem", 0o604, "600")] {
        let world = house(&isp);
        plant(&world, today().saturating_add(300.days()));
        if !name.is_empty() {
            // It would be used as it is, without its CA.
            fs::remove_file(state(&world, "listener-lan.pem")).unwrap();
        }
        let before = fs::read(state(&world, "ca.pem")).unwrap();
        let path = state(&world, name);
        mode(&path, open);
        let runner = listening(&world);
        let (_, greeting) = Client::connect(address(&runner, "lan"));
        assert_eq!(greeting, "421 4.3.5 the server's certificate cannot be read; try again later");
        let shown = path.display().to_string();
        let why =
            format!("others have access to {} (mode {open:04o}): run `chmod {right} ", shown.trim_end_matches('/'));
        assert!(runner.log().contains(&why), "{why}: {}", runner.log());
        world.postrider(&["status"]).code(2).says(&why);
        world.postrider(&["check"]).code(78).says(&format!("error: listener lan cannot use its certificate: {why}"));
        assert_eq!(fs::read(state(&world, "ca.pem")).unwrap(), before);
        mode(&path, if name.is_empty() { 0o700 } else { 0o600 });
        let greeted = || Client::connect(address(&runner, "lan")).1.starts_with("220");
        wait_for("the certificate to be used", greeted);
        world.postrider(&["status"]).code(0);
    }
}

#[test]
fn a_ca_without_its_key_serves_until_the_certificate_ends_and_is_not_replaced() {
    let isp = Provider::start();
    let world = house(&isp);
    let (ca, _) = plant(&world, today().saturating_add(300.days()));
    fs::remove_file(state(&world, "ca.key")).unwrap();
    let runner = listening(&world);
    let why = "ca.key is missing: restore it, or remove ";
    world.postrider(&["status"]).code(1).says("the private CA cannot renew certificates: ").says(why);
    let laptop = send(&runner, &ca, "homebox.home.lan");
    assert!(laptop.spool("queue").is_empty(), "{}", laptop.mailq());
    fs::remove_file(state(&world, "listener-lan.pem")).unwrap();
    let (_, greeting) = Client::connect(address(&runner, "lan"));
    assert!(greeting.starts_with("421"), "{greeting}");
    assert_eq!(read(&world, "ca.pem"), ca);
    world.postrider(&["status"]).code(2).says(why);
    // As the message says, a new one is made where the old one is removed.
    fs::remove_file(state(&world, "ca.pem")).unwrap();
    let (_, greeting) = Client::connect(address(&runner, "lan"));
    assert!(greeting.starts_with("220"), "{greeting}");
    assert_ne!(read(&world, "ca.pem"), ca);
    world.postrider(&["status"]).code(0);
}

#[test]
fn a_machine_that_has_another_name_is_told_that_its_ca_may_not_vouch_for_it() {
    let isp = Provider::start();
    let world = house(&isp);
    drop(listening(&world));
    let before = until(&state(&world, "listener-lan.pem"));
    let world = world.set("hostname", "newbox.home.lan");
    let runner = listening(&world);
    let why = "the private CA may not vouch for newbox.home.lan, since it was made when this machine had another name";
    world.postrider(&["check"]).code(1).says(&format!("warning: {why}; remove ca.pem, ca.key and the listeners'"));
    world.postrider(&["status"]).code(1).says(why);
    // Addresses stay as good as they were.
    assert_eq!(until(&state(&world, "listener-lan.pem")), before);
    for name in ["ca.pem", "ca.key", "listener-lan.pem"] {
        fs::remove_file(state(&world, name)).unwrap();
    }
    drop(runner);
    let _runner = listening(&world);
    world.postrider(&["status"]).code(0);
}

#[test]
fn programs_of_this_machine_see_no_starttls_unless_it_is_asked_for() {
    let isp = Provider::start();
    for (listener, is_offered) in [
        (json!({ "address": "127.0.0.1:0", "trust": ["scanner"] }), false),
        (json!({ "address": "127.0.0.1:0", "tls": "optional", "trust": ["scanner"] }), true),
    ] {
        let world = world(&isp, &listener, &scanner());
        let runner = listening(&world);
        let (mut client, _) = Client::connect(address(&runner, "lan"));
        assert_eq!(client.say("EHLO grafana").contains("STARTTLS"), is_offered);
        assert_eq!(state(&world, "ca.pem").exists(), is_offered);
    }
}

#[test]
fn client_add_says_which_ca_a_device_needs_and_how_to_get_it() {
    let isp = Provider::start();
    let world = house(&isp);
    let add = |name: &str| world.postrider(&["client", "add", name, "--owner", &login()]).code(0).stdout;
    let said = add("nas");
    assert!(said.contains("Server:     127.0.0.1, port 0, STARTTLS"), "{said}");
    assert!(said.contains("install this machine's private CA there, once the service has started"), "{said}");
    let _runner = listening(&world);
    let said = add("camera");
    let ca = CaCertificate::parse(read(&world, "ca.pem").as_bytes()).unwrap();
    assert!(said.contains("\"postrider check --ca >ca.pem\" exports it. Its fingerprint:"), "{said}");
    assert!(said.contains(&format!("\n  SHA-256 {}\n", ca.fingerprint())), "{said}");
}
