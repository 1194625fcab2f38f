//! An account whose relays cannot be reached sends through the account that `fallback` names.

use serde_json::{Value, json};

use support::provider::{Gate, Provider, Setup, Verb, after_dot, greeting, on};
use support::wait::wait_for;
use support::world::World;

/// Two accounts, the first with `from` and the second as its fallback; keys of either.
fn world(isp: &Provider, other: &Provider, of_isp: &[(&str, Value)], of_other: &[(&str, Value)]) -> World {
    let keys = [("fallback", json!("other")), ("from", json!("me@isp.example"))];
    World::new()
        .account_with("isp", isp, &keys)
        .account_with("other", other, &[])
        .account_keys("isp", of_isp)
        .account_keys("other", of_other)
        .set("default_account", "isp")
}

fn send(world: &World) -> String {
    world.sendmail(&["-i", "-f", "alice@home.lan", "--", "bob@away.example"], "Subject: x\n\nhi\n").code(0);
    world.run_once().stderr
}

fn two(isp: Setup) -> [Provider; 2] {
    [isp.login("mine", "one").start(), Provider::setup().login("theirs", "two").start()]
}

#[test]
fn mail_goes_through_the_fallback_account_while_no_relay_can_be_reached_and_everything_says_so() {
    let busy = greeting().once().reply_and_close("421 4.3.2 closing for an hour");
    let [isp, other] = two(Provider::setup().rule(busy));
    let world = world(&isp, &other, &[], &[]);
    let checked = world.postrider(&["check"]).stdout;
    assert!(!checked.contains("account other"), "it is used: {checked}");
    let route = world.postrider(&["route", "bob@away.example"]).code(0).stdout;
    assert!(route.contains("\nfallback   other (while no relay can be reached): "), "{route}");
    let log = send(&world);
    let relay = format!("127.0.0.1[127.0.0.1]:{}", other.port());
    assert!(log.contains(&format!("; mail goes through {relay} of the fallback account other")), "{log}");
    assert!(log.contains(&format!("relay={relay}")) && log.contains("status=sent"), "{log}");
    assert_eq!((isp.received(), other.received(), world.queued().len()), (0, 1, 0), "{log}");
    let mail = other.mail();
    assert_eq!((mail.from.as_str(), mail.username()), ("me@isp.example", "theirs"), "the sender stays that of isp");
    assert_eq!(world.history()[0]["recipients"][0]["relay"], json!(relay));
    let status = world.postrider(&["status"]).stdout;
    let says = "account isp: its relays cannot be reached; mail goes through the fallback account other";
    assert!(status.contains(says), "{status}");
    // Its own relay answers again.
    let log = send(&world);
    assert!(!log.contains("fallback"), "{log}");
    assert_eq!((isp.received(), other.received(), isp.mail().username()), (1, 1, "mine"));
    let status = world.postrider(&["status"]).stdout;
    assert!(!status.contains("fallback"), "{status}");
}

#[test]
fn a_relay_that_refuses_or_ends_the_connection_or_says_nothing_cannot_be_reached() {
    let free =
        || format!("127.0.0.1:{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let goes_on = |case: &str, setup: support::provider::Setup, keys: &[(&str, Value)]| {
        let [isp, other] = two(setup);
        let world = world(&isp, &other, keys, &[]);
        let log = send(&world);
        assert!(log.contains(" of the fallback account other"), "{case}: {log}");
        assert_eq!((isp.received(), other.received(), world.queued().len()), (0, 1, 0), "{case}: {log}");
    };
    let patience = ("timeouts", json!({ "greeting": "1s" }));
    goes_on("refuses", Provider::setup(), &[("relay", json!(free()))]);
    goes_on("ends", Provider::setup().rule(greeting().close()), &[]);
    goes_on("says nothing", Provider::setup().rule(greeting().silence()), &[patience]);
    goes_on("ends in TLS", Provider::setup().rule(on(Verb::StartTls).close()), &[]);
}

#[test]
fn one_session_more_than_a_relay_allows_leads_to_no_other_account() {
    // The first connection is busy for certain when the third comes.
    let gate = Gate::closed();
    let busy = after_dot().on_connection(1).nth(2).behind(&gate).reply("250 2.0.0 ok");
    let [isp, other] = two(Provider::setup().rule(greeting().on_connection(3).close()).rule(busy));
    let world = world(&isp, &other, &[("max_connections", json!(4))], &[]);
    for number in 0..30 {
        let to = format!("friend{number}@away.example");
        world.sendmail(&["-i", "-f", "alice@home.lan", "--", &to], "Subject: x\n\nhi\n").code(0);
    }
    let runner = world.runner();
    wait_for("the third connection", || isp.connections() >= 3);
    gate.open();
    wait_for("all mail", || isp.received() + other.received() == 30);
    assert_eq!((isp.received(), other.connections()), (30, 0), "{}", runner.log());
}

#[test]
fn a_fallback_that_cannot_be_reached_itself_is_asked_again_at_once() {
    let isp = Provider::setup().login("mine", "one").rule(greeting().close()).start();
    let other = Provider::setup().login("theirs", "two").rule(greeting().once().close()).start();
    let world = world(&isp, &other, &[], &[]);
    let log = send(&world);
    assert!(log.contains("; fallback account other: "), "{log}");
    let log = world.flush().stderr;
    assert_eq!((other.received(), world.queued().len()), (1, 0), "its login was never rejected: {log}");
}

#[test]
fn a_rejected_login_leads_to_no_other_account() {
    let [isp, other] = two(Provider::setup());
    let log = send(&world(&isp, &other, &[("password", json!("wrong"))], &[]));
    assert!(log.contains("account isp") && !log.contains("mail goes through"), "{log}");
    assert_eq!((other.connections(), isp.received()), (0, 0), "{log}");
}

#[test]
fn mail_waits_where_both_fail_with_both_reasons_and_a_rejected_fallback_is_left_alone() {
    let busy = || greeting().reply_and_close("421 4.3.2 closing");
    let isp = Provider::setup().login("mine", "one").rule(busy()).start();
    let other = Provider::setup().login("theirs", "two").start();
    let world = world(&isp, &other, &[], &[("password", json!("wrong"))]);
    let log = send(&world);
    assert!(log.contains("closing") && log.contains("; fallback account other: "), "{log}");
    assert_eq!(world.queued().len(), 1);
    let tried = other.count(Verb::Auth);
    assert!(tried > 0, "{log}");
    let shown = world.mailq();
    assert!(shown.contains("fallback account other: "), "{shown}");
    let log = world.flush().stderr;
    assert_eq!(other.count(Verb::Auth), tried, "the password is not tried again: {log}");
    assert!(world.mailq().contains("fallback account other: it needs attention"), "{}", world.mailq());
}

#[test]
fn a_reply_of_the_fallback_is_about_its_account() {
    let isp = Provider::setup().login("mine", "one").rule(greeting().reply_and_close("421 4.3.2 closing")).start();
    let refused = on(Verb::Mail).reply("553 5.7.1 sender address rejected: not owned by user theirs");
    let other = Provider::setup().login("theirs", "two").rule(refused).start();
    let world = world(&isp, &other, &[], &[]);
    let log = send(&world);
    assert!(log.contains("does not let account other send as me@isp.example"), "{log}");
    assert_eq!((world.queued().len(), other.received()), (1, 0), "it waits, nothing bounces");
}

#[test]
fn a_fallback_that_cannot_be_is_an_error_of_the_config() {
    let isp = Provider::start();
    let all = |fallback: &str| vec![("fallback", json!(fallback))];
    let users = |names: &[&str]| ("users", json!(names));
    for (of_isp, of_other, error) in [
        (all("nobody"), vec![], "`fallback` does not match any [account.NAME]; existing accounts: isp, other"),
        (all("isp"), vec![], "`fallback` leads back to this account"),
        (all("other"), all("isp"), "`fallback` leads back to this account"),
        (all("other"), vec![users(&["alice"])], "`users` of the `fallback` account does not let everyone through"),
        ([all("other"), vec![users(&["bob"])]].concat(), vec![users(&["alice"])], "`users` of the `fallback` account"),
        ([all("other"), vec![users(&["bob"])]].concat(), vec![users(&["alice", "bob"])], ""),
        (
            all("other"),
            vec![("clients", json!(["scanner"]))],
            "`clients` of the `fallback` account does not let everyone through",
        ),
    ] {
        let world = World::new()
            .account_with("isp", &isp, &of_isp)
            .account_with("other", &isp, &of_other)
            .set("default_account", "isp");
        let said = world.postrider(&["check"]);
        let place = said.stdout.split("config.toml:").nth(1).unwrap_or_default();
        if error.is_empty() {
            assert!(!said.stdout.contains("fallback"), "{}", said.stdout);
        } else {
            assert!(said.stdout.contains(error) && place.starts_with(|c: char| c.is_ascii_digit()), "{}", said.stdout);
        }
    }
}
