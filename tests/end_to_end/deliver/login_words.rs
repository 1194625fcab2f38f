//! What a provider says to a login reaches the owner, and the cause follows from what it says; unless a credential
//! stands in it.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use support::provider::{Provider, Rule, Setup, Verb, greeting, on};
use support::wait::wait_for;
use support::world::World;

/// What log, mailq, status and `test` say of an account at this provider.
#[track_caller]
fn told(setup: Setup) -> Vec<(&'static str, String)> {
    let isp = setup.start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    let log = world.run_once().stderr;
    let status = world.postrider(&["status"]).stdout;
    let mailq = world.mailq();
    let test = world.postrider(&["test"]).stdout;
    isp.forgive();
    assert_eq!((isp.received(), world.queued().len()), (0, 1), "{log}");
    vec![("log", log), ("status", status), ("mailq", mailq), ("test", test)]
}

fn rejecting(reply: &str) -> Setup {
    Provider::setup().rule(on(Verb::Auth).reply(reply))
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_the_provider_says_to_a_login_is_told_everywhere() {
    let words = "5.7.139 Authentication unsuccessful, basic authentication is disabled.";
    for (place, text) in told(rejecting(&format!("535 {words}"))) {
        assert!(flat(&text).contains(words), "{place}: {text}");
    }
    let two = "534-5.7.9 Application-specific password required.\n534 5.7.9 See https://support.example/?p=InvalidSecondFactor";
    for (place, text) in told(rejecting(two)) {
        assert!(flat(&text).contains("password required. See https://support.example"), "{place}: {text}");
    }
}

#[test]
fn a_reply_with_a_credential_in_it_is_told_nowhere() {
    let name = "hisaccount";
    for words in [
        "no correct horse".to_owned(),
        format!("no such user: {name}"),
        STANDARD.encode("correct horse"),
        STANDARD.encode(name),
        STANDARD.encode(format!("\0{name}\0correct horse")),
        "correct\n535 horse".to_owned(),
        "5.7.8 correct\n535 5.7.8 h orse".to_owned(),
        format!(
            "5.7.8 {}\n535 5.7.8 {}",
            &STANDARD.encode("correct horse")[..8],
            &STANDARD.encode("correct horse")[8..]
        ),
        "see https://isp.example/?p=correct%20horse".to_owned(),
    ] {
        let reply = format!("535-5.7.8 strange-words\n535{}{words}", if words.contains('\n') { '-' } else { ' ' });
        for (place, text) in told(rejecting(&reply)) {
            assert!(!text.contains("strange-words"), "{words} {place}: {text}");
            assert!(text.contains("5.7.8 (text withheld)") || place == "status", "{words} {place}: {text}");
        }
    }
}

#[test]
fn the_cause_of_a_rejected_login_is_the_one_that_the_provider_names() {
    for (reply, cure) in [
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled", "no longer accepts passwords"),
        ("550 5.7.30 Basic authentication is not supported for Client Submission", "no longer accepts passwords"),
        ("534 5.7.9 Application-specific password required", "requires an app password"),
        ("525 5.7.1 Unauthorized IP address", "allow this machine's IP address"),
        ("454 4.7.0 Too many login attempts, please try again later", "what else logs in"),
        ("530 5.7.0 Must issue a STARTTLS command first", "set `tls` in [account.isp]"),
    ] {
        for (place, text) in told(rejecting(reply)) {
            let text = flat(&text);
            let is_wrong_password = text.contains("wrong user name or password") || text.contains("rejects the login");
            assert!(text.contains(cure) != is_wrong_password, "{reply} {place}: {text}");
        }
    }
}

#[test]
fn a_refusal_before_the_login_is_told_with_its_cure() {
    let ehlo = |reply: &str| -> Rule { on(Verb::Ehlo).reply_and_close(reply) };
    for (rule, cure) in [
        (ehlo("421 4.7.0 Try again later, closing connection. (EHLO)"), "set `hostname` to a full name"),
        (ehlo("550 5.7.1 Helo command rejected: need fully-qualified hostname"), "set `hostname` to a full name"),
        (
            greeting().reply_and_close("554 5.7.1 Client host rejected: Access denied"),
            "allow this machine's IP address",
        ),
    ] {
        for (place, text) in told(Provider::setup().rule(rule.clone())) {
            assert!(flat(&text).contains(cure), "{rule:?} {place}: {text}");
        }
    }
}

#[test]
fn a_token_that_has_expired_is_told_as_one() {
    let isp = Provider::setup().without("AUTH").offers("AUTH XOAUTH2").start();
    let keys = [("password", json!({"command": ["/bin/echo", "stale"]})), ("auth", json!(["xoauth2"]))];
    let world = World::at_home(&isp).account_keys("isp", &keys);
    world.send_to(&["bob@away.example"]).code(0);
    let log = world.run_once().stderr;
    assert!(log.contains("the access token has expired"), "{log}");
    world.postrider(&["test"]).code(78).says("the access token has expired");
}

#[test]
fn a_reply_after_the_login_with_the_password_in_it_is_told_nowhere() {
    let response = STANDARD.encode("\0hisaccount\0correct horse");
    for words in [format!("strange-words {response}"), "strange-words correct horse".to_owned()] {
        for verb in [Verb::Mail, Verb::Rcpt, Verb::Data] {
            for (place, text) in told(Provider::setup().rule(on(verb).reply(&format!("451 4.3.0 {words}")))) {
                assert!(!text.contains("strange-words"), "{words} {place}: {text}");
            }
        }
    }
}

#[test]
fn the_user_name_in_a_reply_after_the_login_is_an_address_like_others() {
    let words = "553 5.7.1 <hisaccount>: Sender address rejected: not owned by user hisaccount";
    let isp = Provider::setup().rule(on(Verb::Mail).reply(words)).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once().says("not owned by user hisaccount");
}

#[test]
fn a_server_that_names_a_second_again_and_again_is_asked_less_and_less_often() {
    let isp =
        Provider::setup().rule(on(Verb::Auth).reply("454 4.7.0 Too many login attempts, please wait 1 second")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    let _runner = world.runner();
    let outage = || -> Option<Value> {
        let text = fs::read(world.path("spool/accounts.json")).ok()?;
        serde_json::from_slice::<Value>(&text).ok()?.as_object()?.values().next().cloned()
    };
    wait_for("the second login", || outage().is_some_and(|outage| outage["failures"] == 2));
    let outage = outage().unwrap();
    let time = |name: &str| outage[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("next").duration_since(time("seen")).as_secs() > 60, "{outage}");
    let said = world.postrider(&["status"]).stdout;
    assert!(said.contains("next try at") && !said.contains("once an hour"), "{said}");
}
