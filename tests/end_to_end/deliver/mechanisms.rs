//! Which login mechanism is tried, which other one after a rejection, and that a provider that counts failed logins
//! counts one more at most.

use serde_json::{Value, json};

use support::provider::{Provider, Setup, Verb, auth_answer, on};
use support::wait::wait_for;
use support::world::World;

fn offering(line: &str) -> Setup {
    Provider::setup().without("AUTH").offers(line)
}

fn mechanisms(isp: &Provider) -> Vec<String> {
    isp.transcript()
        .lines()
        .filter_map(|line| line.split_once(" AUTH "))
        .map(|(_, rest)| rest.split(' ').next().unwrap_or_default().to_owned())
        .collect()
}

#[track_caller]
fn attempt(world: &World) -> String {
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once().stderr
}

#[test]
fn scram_comes_first_then_plain_over_tls_and_cram_md5_only_where_neither_is_offered() {
    for (offered, taken) in [
        ("AUTH LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256", "SCRAM-SHA-256"),
        ("AUTH LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1", "SCRAM-SHA-1"),
        ("AUTH CRAM-MD5 LOGIN PLAIN", "PLAIN"),
        ("AUTH CRAM-MD5 LOGIN", "LOGIN"),
        ("AUTH CRAM-MD5", "CRAM-MD5"),
    ] {
        let isp = offering(offered).start();
        attempt(&World::at_home(&isp));
        assert_eq!(isp.mail().login.unwrap().mechanism, taken, "{offered}");
        assert_eq!(isp.count(Verb::Auth), 1);
    }
}

#[test]
fn without_tls_the_password_itself_goes_out_last_and_only_where_the_account_allows_it() {
    let clear = [("tls", json!("none")), ("allow_plaintext", json!(true))];
    for (offered, taken) in [("AUTH LOGIN PLAIN CRAM-MD5", "CRAM-MD5"), ("AUTH LOGIN PLAIN", "PLAIN")] {
        let isp = offering(offered).plaintext().start();
        attempt(&World::at_home(&isp).account_keys("isp", &clear));
        assert_eq!(isp.mail().login.unwrap().mechanism, taken, "{offered}");
    }
}

#[test]
fn without_tls_a_rejected_mechanism_never_gives_way_to_the_password_itself() {
    for reply in ["535 5.7.8 no", "504 5.5.4 no such mechanism"] {
        let isp =
            offering("AUTH PLAIN LOGIN CRAM-MD5").plaintext().rule(on(Verb::Auth).about("CRAM").reply(reply)).start();
        let clear = [("tls", json!("none")), ("allow_plaintext", json!(true))];
        let world = World::at_home(&isp).account_keys("isp", &clear);
        attempt(&world);
        assert_eq!((mechanisms(&isp), isp.received()), (vec!["CRAM-MD5".to_owned()], 0), "{reply}");
        assert!(!isp.heard_in_clear().contains("correct horse"));
    }
}

/// The back end cannot do what the server offers: the right password is rejected with that mechanism.
fn incapable_of(mechanism: &str, reply: &str) -> Provider {
    offering(&format!("AUTH {mechanism} PLAIN LOGIN")).rule(on(Verb::Auth).about(mechanism).reply(reply)).start()
}

#[test]
fn a_mechanism_that_the_back_end_cannot_do_gives_way_to_another_on_the_same_connection() {
    for (mechanism, reply) in [
        ("SCRAM-SHA-256", "535 5.7.8 authentication failed"),
        ("SCRAM-SHA-1", "534 5.7.9 mechanism too weak"),
        ("SCRAM-SHA-256", "432 4.7.12 a password transition is needed"),
        ("SCRAM-SHA-256", "554 5.7.8 Invalid authentication mechanism"),
        ("SCRAM-SHA-256", "504 5.5.4 unrecognized authentication type"),
    ] {
        let isp = incapable_of(mechanism, reply);
        let said = attempt(&World::at_home(&isp));
        assert_eq!(mechanisms(&isp), [mechanism, "PLAIN"], "{reply}: {said}");
        assert_eq!((isp.received(), isp.connections()), (1, 1), "{reply}: {said}");
    }
}

#[test]
fn a_server_that_closes_after_the_rejection_is_asked_again_over_a_new_connection() {
    let isp = offering("AUTH SCRAM-SHA-256 PLAIN")
        .rule(on(Verb::Auth).about("SCRAM").reply_and_close("535 5.7.8 authentication failed"))
        .start();
    attempt(&World::at_home(&isp));
    assert_eq!(mechanisms(&isp), ["SCRAM-SHA-256", "PLAIN"]);
    assert_eq!((isp.received(), isp.connections()), (1, 2));
}

#[test]
fn the_mechanism_that_worked_instead_is_the_first_in_later_sessions() {
    let isp = incapable_of("SCRAM-SHA-256", "535 5.7.8 authentication failed");
    let world = World::at_home(&isp).account_keys("isp", &[("max_messages_per_connection", json!(1))]);
    for _ in 0..3 {
        world.send_to(&["bob@away.example"]).code(0);
    }
    world.run_once();
    assert_eq!((isp.received(), isp.connections()), (3, 3));
    assert_eq!(mechanisms(&isp), ["SCRAM-SHA-256", "PLAIN", "PLAIN", "PLAIN"]);
    // Background runners come and go with single messages.
    attempt(&world);
    assert_eq!(mechanisms(&isp)[4..], ["PLAIN"]);
    // Another password is another credential.
    let world = world.account_keys("isp", &[("password", json!("another horse"))]);
    attempt(&world);
    assert_eq!(mechanisms(&isp)[5], "SCRAM-SHA-256");
}

#[test]
fn a_wrong_password_costs_one_failure_more_and_not_one_more_each_time() {
    let isp = offering("AUTH SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5").start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!("wrong horse"))]);
    let said = attempt(&world);
    assert_eq!(mechanisms(&isp), ["SCRAM-SHA-256", "PLAIN"], "{said}");
    assert!(said.contains("SCRAM-SHA-256, then PLAIN") && !said.contains("wrong horse"), "{said}");
    world.postrider(&["status"]).code(2).says("SCRAM-SHA-256, then PLAIN");
    // The next runner knows from the account's outage that this was tried.
    world.flush();
    world.run_once();
    assert_eq!(isp.count(Verb::Auth), 2);
    // An edit elsewhere in the config costs one failure and not two.
    let world = world.account_keys("isp", &[("max_connections", json!(3))]);
    world.flush();
    world.run_once();
    assert_eq!(mechanisms(&isp), ["SCRAM-SHA-256", "PLAIN", "SCRAM-SHA-256"]);
    let kept = std::fs::read_to_string(world.path("spool/learned.json")).unwrap();
    assert!(!kept.contains("wrong horse"), "{kept}");
}

#[test]
fn a_password_that_the_server_has_seen_itself_is_not_sent_again_in_another_way() {
    for offered in ["AUTH PLAIN LOGIN", "AUTH PLAIN LOGIN CRAM-MD5", "AUTH LOGIN CRAM-MD5"] {
        let isp = offering(offered).start();
        let world = World::at_home(&isp).account_keys("isp", &[("password", json!("wrong horse"))]);
        attempt(&world);
        assert_eq!(isp.count(Verb::Auth), 1, "{offered}");
    }
}

#[test]
fn a_rejection_that_says_what_is_wrong_is_no_reason_for_another_mechanism() {
    for reply in [
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled",
        "534 5.7.9 Application-specific password required",
        "454 4.7.0 Too many login attempts, please try again later",
        "535 5.7.8 account suspended",
        "454 4.7.0 Temporary authentication failure",
        "421 4.7.0 go away",
    ] {
        let isp = incapable_of("SCRAM-SHA-256", reply);
        attempt(&World::at_home(&isp));
        assert_eq!(mechanisms(&isp), ["SCRAM-SHA-256"], "{reply}");
    }
}

/// A SCRAM server that answers the client's first message with this challenge.
fn scram(challenge: &str) -> Provider {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(challenge);
    offering("AUTH SCRAM-SHA-256 PLAIN LOGIN")
        .rule(on(Verb::Auth).about("SCRAM").reply(&format!("334 {encoded}")))
        .rule(auth_answer().reply("535 5.7.8 no"))
        .start()
}

#[test]
fn a_server_that_breaks_scram_never_gets_the_password_itself() {
    for (what, challenge) in [
        ("no nonce of ours", "r=foreign,s=c2FsdHNhbHQ=,i=4096"),
        ("a bound login that somebody took away", "e=server-does-support-channel-binding"),
        ("a bound login that does not match", "e=channel-bindings-dont-match"),
    ] {
        let isp = scram(challenge);
        let said = attempt(&World::at_home(&isp));
        assert_eq!((mechanisms(&isp), isp.received()), (vec!["SCRAM-SHA-256".to_owned()], 0), "{what}: {said}");
    }
    for rounds in [1, 4095] {
        let isp = offering("AUTH SCRAM-SHA-256 PLAIN LOGIN").scram_iterations(rounds).start();
        let said = attempt(&World::at_home(&isp));
        assert_eq!((mechanisms(&isp), isp.received()), (vec!["SCRAM-SHA-256".to_owned()], 0), "{rounds}: {said}");
        assert!(said.contains("iterations"), "{said}");
    }
    let isp =
        offering("AUTH SCRAM-SHA-256 PLAIN").rule(on(Verb::Auth).about("SCRAM").reply("235 2.7.0 come in")).start();
    let said = attempt(&World::at_home(&isp));
    assert_eq!((mechanisms(&isp), isp.received()), (vec!["SCRAM-SHA-256".to_owned()], 0), "{said}");
    assert!(said.contains("without proving"), "{said}");
}

#[test]
fn a_bound_login_that_was_offered_before_and_is_not_now_never_gives_way_to_the_password_itself() {
    let isp = offering("AUTH SCRAM-SHA-256-PLUS PLAIN LOGIN").start();
    let stripped = "250-scripted.example\n250-PIPELINING\n250 AUTH PLAIN LOGIN";
    isp.add(on(Verb::Ehlo).on_connection(2).nth_and_later(2).reply(stripped));
    let world = World::at_home(&isp).account_keys("isp", &[("max_messages_per_connection", json!(1))]);
    world.send_to(&["bob@away.example"]).code(0);
    world.send_to(&["carol@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert!(!mechanisms(&isp).contains(&"PLAIN".to_owned()), "{said}\n{}", isp.transcript());
    // Nor by the next runner.
    isp.add(on(Verb::Ehlo).on_connection(3).nth_and_later(2).reply(stripped));
    world.flush();
    world.run_once();
    assert!(!mechanisms(&isp).contains(&"PLAIN".to_owned()), "{}", isp.transcript());
}

#[test]
fn a_server_that_broke_scram_gets_the_password_itself_in_no_later_session_either() {
    for rounds in [1, 4096] {
        let isp = offering("AUTH SCRAM-SHA-256 PLAIN").scram_iterations(rounds).start();
        if rounds == 4096 {
            isp.add(on(Verb::Auth).about("SCRAM").reply("235 2.7.0 come in"));
        }
        let plain = "250-scripted.example\n250-PIPELINING\n250 AUTH PLAIN LOGIN";
        isp.add(on(Verb::Ehlo).on_connection(2).nth_and_later(2).reply(plain));
        let world = World::at_home(&isp);
        let runner = world.runner().ready(&world);
        world.send_to(&["bob@away.example"]).code(0);
        wait_for("the first session", || runner.log().contains("next try in"));
        world.flush();
        wait_for("the second session", || runner.log().contains("the password was not sent"));
        assert!(!mechanisms(&isp).contains(&"PLAIN".to_owned()), "{}", isp.transcript());
    }
}

#[test]
fn postrider_test_names_each_mechanism_that_was_rejected() {
    let isp = offering("AUTH SCRAM-SHA-256 PLAIN").start();
    let wrong: [(&str, Value); 1] = [("password", json!("wrong horse"))];
    let ran = World::at_home(&isp).account_keys("isp", &wrong).postrider(&["test"]);
    ran.code(78).says("SCRAM-SHA-256, then PLAIN");
}

#[test]
fn each_change_of_the_config_or_the_secret_costs_one_login() {
    let isp = Provider::start();
    let in_config = |world: World, n: usize| world.account_keys("isp", &[("password", json!(format!("wrong {n}")))]);
    let in_file = |world: World, n: usize| {
        world.file("secret", &format!("wrong {n}\n"), 0o600);
        world
    };
    let mut world = in_config(World::at_home(&isp), 0);
    world.send_to(&["bob@away.example"]).code(0);
    let mut runner = world.runner().ready(&world);
    wait_for("the first login", || isp.logins().len() == 1);
    for n in 1..=10 {
        world = in_config(world, n);
        wait_for("the next login", || isp.logins().len() > n);
    }
    world = in_file(world, 10).account_keys("isp", &[("password", json!({"file": "secret"}))]);
    wait_for("the login with the file", || isp.logins().len() > 11);
    for n in 12..=20 {
        world = in_file(world, n);
        wait_for("the next login", || isp.logins().len() > n);
    }
    world.flush();
    runner.signal(rustix::process::Signal::TERM);
    assert_eq!(runner.end(), Some(0));
    // A runner that starts anew remembers with what it has tried.
    world.run_once();
    assert_eq!(isp.logins().len(), 21, "{}", runner.log());
}
