//! `postrider test`: the conversation step by step, and what is wrong where it ends early.

use serde_json::json;

use crate::provider::{Certificate, Provider, Setup, Verb, greeting, on};
use crate::world::{Ran, World};

fn test(setup: Setup, keys: &[(&str, serde_json::Value)], args: &[&str]) -> (Provider, Ran) {
    let isp = setup.start();
    let world = World::at_home(&isp).account_keys("isp", keys);
    let ran = world.postrider(&[&["test"], args].concat());
    assert!(!ran.stdout.contains("horse") && !ran.stderr.contains("horse"), "no secret: {}", ran.stdout);
    (isp, ran)
}

#[test]
fn a_good_account_shows_every_step() {
    let (isp, ran) = test(Provider::setup(), &[], &["isp"]);
    let ran = ran.code(0).says("127.0.0.1 is 127.0.0.1").says("connected to").says("< 220 scripted.example");
    let ran = ran.says("TLSv1.3").says("SHA-256 fingerprint").says("issued by scripted authority").says("valid from");
    let ran = ran.says("> AUTH PLAIN (secret)").says("< 235").says("the login works (PLAIN)").says("8BITMIME");
    ran.says("> QUIT");
    assert_eq!((isp.received(), isp.count(Verb::Mail)), (0, 0));
}

#[test]
fn with_to_a_mail_goes_out() {
    let (isp, ran) = test(Provider::setup(), &[("senders", json!(["me@isp.example"]))], &["--to", "bob@away.example"]);
    ran.code(0).says("> MAIL FROM:<me@isp.example>").says("The mail was taken: 250");
    let mail = isp.mail();
    assert_eq!((mail.from.as_str(), mail.to), ("me@isp.example", vec!["bob@away.example".to_owned()]));
}

#[test]
fn each_failure_has_its_cause_its_cure_and_its_code() {
    let names = vec!["127.0.0.1".to_owned()];
    let to = &["--to", "bob@away.example", "--from", "me@isp.example"][..];
    let wrong = [("password", json!("wrong horse"))];
    for (setup, keys, args, code, words) in [
        (Provider::setup(), &wrong[..], &[][..], 78, "username or password of [account.isp] is wrong"),
        (Provider::setup().without("STARTTLS"), &[], &[], 75, "does not offer STARTTLS"),
        (Provider::setup().certificate(Certificate::Expired(names)), &[], &[], 75, "expired on 2021-01-01"),
        (Provider::setup().rule(greeting().reply("554 5.7.1 no")), &[], &[], 75, "submission server"),
        (Provider::setup().rule(greeting().say(b"SSH-2.0-x\r\n")), &[], &[], 75, "something else than a mail server"),
        (Provider::setup().rule(on(Verb::Mail).reply("550 5.7.1 not yours")), &[], to, 69, "--from"),
        (Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 later")), &[], to, 75, "try again"),
    ] {
        let (isp, ran) = test(setup, keys, args);
        isp.forgive();
        ran.code(code).says(words);
    }
}

#[test]
fn addresses_are_completed_and_rewritten_as_in_delivery() {
    // The account's username is no address.
    for (args, from, to) in [
        (&["--to", "bob@away.example"][..], "me+home@isp.example", "bob@away.example"),
        (&["--to", "root", "--from", "bob"], "me+home@isp.example", "me+home@isp.example"),
        (&["--to", "root", "--from", "bob@away.example"], "bob@away.example", "me+home@isp.example"),
    ] {
        let (isp, ran) = test(Provider::setup(), &[], args);
        ran.code(0);
        let mail = isp.mail();
        assert_eq!((mail.from.as_str(), mail.to), (from, vec![to.to_owned()]), "{args:?}");
    }
}

#[test]
fn an_unknown_account_and_an_account_without_address_are_told() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.postrider(&["test", "nobody"]).code(64).says("there is isp");
    let world = world.generic(&[]);
    world.postrider(&["test", "--to", "bob@away.example"]).code(64).says("--from");
}
