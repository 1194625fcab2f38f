//! Three set-ups that people run on Postfix today, as configs of ours; and what
//! `route` says of them without sending.

use serde_json::json;

use support::provider::{Provider, Verb};
use support::world::World;

fn send_from(world: &World, sender: &str) {
    world
        .sendmail(&["-i", "-f", sender, "bob@away.example"], format!("From: {sender}\nSubject: from {sender}\n\n"))
        .code(0)
        .silent();
}

#[test]
fn each_sender_of_the_house_goes_through_their_own_provider() {
    let his = Provider::setup().login("hisaccount", "his password").start();
    let hers = Provider::setup().login("heraccount", "her password").start();
    let world = World::new()
        .set("origin", "localdomain.local")
        .generic(&[
            ("his@localdomain.local", "hisaccount@hisisp.example"),
            ("her@localdomain.local", "heraccount@herisp.example"),
            ("@localdomain.local", "hisaccount+local@hisisp.example"),
        ])
        .account_with("his", &his, &[("senders", json!(["@hisisp.example"]))])
        .account_with("hers", &hers, &[("senders", json!(["@herisp.example"]))])
        .set("default_account", "his");
    for sender in ["his@localdomain.local", "her@localdomain.local", "cron"] {
        send_from(&world, sender);
    }
    world.run_once();
    let hers = hers.mail();
    assert_eq!((hers.from.as_str(), hers.username()), ("heraccount@herisp.example", "heraccount"));
    assert_eq!(hers.field("From"), "heraccount@herisp.example");
    let mut senders: Vec<(String, String)> =
        his.mails().iter().map(|mail| (mail.from.clone(), mail.field("From"))).collect();
    senders.sort();
    let twice = |address: &str| (address.to_owned(), address.to_owned());
    assert_eq!(senders, [twice("hisaccount+local@hisisp.example"), twice("hisaccount@hisisp.example")]);
    assert!(his.mails().iter().all(|mail| mail.username() == "hisaccount"));
}

#[test]
fn the_account_may_be_named_by_the_sender_before_rewriting() {
    let (his, hers) = (Provider::start(), Provider::start());
    let world = World::new()
        .generic(&[("@home.lan", "family@isp.example")])
        .account_with("his", &his, &[("senders", json!(["his@home.lan"]))])
        .account_with("hers", &hers, &[("senders", json!(["her@home.lan"]))])
        .set("default_account", "his");
    send_from(&world, "her");
    world.run_once();
    assert_eq!((his.received(), hers.mail().from.as_str()), (0, "family@isp.example"));
}

fn three_relays() -> ([Provider; 3], World) {
    let provider =
        |name: &str, user: &str| Provider::setup().named(name).login(user, &format!("password of {user}")).start();
    let providers = [
        provider("mail.example.com", "user1"),
        provider("mail.example.net", "user2"),
        provider("relay.example.org", "house"),
    ];
    let keys = |senders, name: &str| [("senders", senders), ("tls_name", json!(name))];
    let world = World::new()
        .account_with("one", &providers[0], &keys(json!(["user1@example.com"]), "mail.example.com"))
        .account_with("two", &providers[1], &keys(json!(["user2@example.net"]), "mail.example.net"))
        .account_with("rest", &providers[2], &keys(json!(null), "relay.example.org"))
        .set("default_account", "rest");
    (providers, world)
}

#[test]
fn two_senders_have_relays_of_their_own_and_everybody_else_the_default() {
    let (providers, world) = three_relays();
    let senders = ["user1@example.com", "user2@example.net", "user3@example.com"];
    for sender in senders {
        send_from(&world, sender);
    }
    world.run_once();
    for ((provider, sender), user) in providers.iter().zip(senders).zip(["user1", "user2", "house"]) {
        let mail = provider.mail();
        assert_eq!((mail.from.as_str(), mail.username(), mail.tls), (sender, user, true));
    }
}

#[test]
fn route_names_account_and_relay_without_sending() {
    let (providers, world) = three_relays();
    let at = |relay: &str| [("relay", json!(relay)), ("tls_name", json!(null))];
    let world = world
        .account_keys("one", &at("[mail.example.com]:submission"))
        .account_keys("two", &at("[mail.example.net]"))
        .account_keys("rest", &at("[relay.example.org]:465"));
    let route = |sender| world.postrider(&["route", "bob@away.example", "--from", sender]).code(0);
    route("user1@example.com").says("one").says("[mail.example.com]:587");
    route("user2@example.net").says("two").says("[mail.example.net]:587");
    route("user3@example.com").says("rest").says("[relay.example.org]:465");
    assert!(providers.iter().all(|provider| provider.connections() == 0));
}

#[test]
fn one_relay_for_a_home_domain_with_only_plain_and_login() {
    let foo = Provider::setup()
        .named("foo.bar.com")
        .login("hoge", "password")
        .without("AUTH")
        .offers("AUTH CRAM-MD5 LOGIN PLAIN")
        .start();
    let world = World::new()
        .set("origin", "linux.myhome.net")
        .generic(&[("@linux.myhome.net", "hoge@foo.bar.com")])
        .account_with("foo", &foo, &[("auth", json!(["plain", "login"])), ("tls_name", json!("foo.bar.com"))]);
    send_from(&world, "root");
    world.run_once();
    let mail = foo.mail();
    assert_eq!((mail.from.as_str(), mail.username()), ("hoge@foo.bar.com", "hoge"));
    assert_eq!(foo.count(Verb::Auth), 1);
    let world = world.account_keys("foo", &[("relay", json!("[foo.bar.com]:587")), ("tls_name", json!(null))]);
    let route = world.postrider(&["route", "bob@away.example", "--from", "root@linux.myhome.net"]).code(0);
    route.says("hoge@foo.bar.com").says("[foo.bar.com]:587");
}

#[test]
fn route_explains_the_rewriting() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let route = world.postrider(&["route", "carol@home.lan", "--from", "alice@home.lan"]).code(0);
    route.says("me@isp.example").says("me+home@isp.example").says("@home.lan").says("isp");
}
