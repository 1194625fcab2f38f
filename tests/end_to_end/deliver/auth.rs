//! Logging in: which mechanism is taken, what is never tried twice, and what the user
//! is told where nothing fits.

use serde_json::{Value, json};

use support::provider::{Provider, Setup, Verb, auth_answer, on};
use support::world::World;

/// A provider that announces these mechanisms only, and no secret of which may be readable.
fn offering(line: &str) -> Setup {
    Provider::setup().without("AUTH").offers(line)
}

/// Sends one mail; what the program said.
#[track_caller]
fn attempt(world: &World) -> String {
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once().stderr
}

#[test]
fn each_mechanism_alone_logs_in() {
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"] {
        let isp = offering(&format!("AUTH {mechanism}")).start();
        let world = World::at_home(&isp);
        attempt(&world);
        assert_eq!(isp.mail().login.unwrap().mechanism, mechanism);
        assert_eq!(isp.logins().len(), 1, "{mechanism}");
    }
}

#[test]
fn the_safest_offered_one_is_taken() {
    for (offered, taken) in [
        ("AUTH LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256", "SCRAM-SHA-256"),
        ("AUTH LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1", "SCRAM-SHA-1"),
        ("AUTH LOGIN PLAIN CRAM-MD5 XOAUTH2", "PLAIN"),
        ("AUTH=LOGIN PLAIN", "PLAIN"),
    ] {
        let isp = offering(offered).start();
        attempt(&World::at_home(&isp));
        assert_eq!(isp.mail().login.unwrap().mechanism, taken, "{offered}");
    }
}

#[test]
fn a_login_is_bound_to_the_connection_where_that_is_offered() {
    for (offered, taken) in [
        ("AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS PLAIN", "SCRAM-SHA-256-PLUS"),
        ("AUTH SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN", "SCRAM-SHA-1-PLUS"),
    ] {
        for (setup, tls) in [(offering(offered), "starttls"), (offering(offered).implicit_tls(), "implicit")] {
            let isp = setup.start();
            attempt(&World::at_home(&isp).account_keys("isp", &[("tls", json!(tls))]));
            assert_eq!(isp.mail().login.unwrap().mechanism, taken, "{offered}");
        }
    }
}

#[test]
fn whoever_allows_no_bound_login_gets_another_although_it_is_offered() {
    let isp = offering("AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS").start();
    attempt(&World::at_home(&isp).account_keys("isp", &[("auth", json!(["scram-sha-256"]))]));
    assert_eq!(isp.mail().login.unwrap().mechanism, "SCRAM-SHA-256");
}

#[test]
fn a_certificate_logs_in_alone_or_with_a_name_and_no_password_is_needed() {
    for (offered, keys) in [
        ("AUTH EXTERNAL", json!(null)),
        ("AUTH PLAIN EXTERNAL", json!(null)),
        ("AUTH EXTERNAL", json!("customer@isp.example")),
    ] {
        let isp = offering(offered).start();
        let world = World::at_home(&isp);
        world.file("customer.pem", isp.customer().1, 0o600);
        let (shown, none) = (json!("customer.pem"), Value::Null);
        let certificate = [("tls_client_cert", shown.clone()), ("tls_client_key", shown), ("password", none)];
        let world = world.account_keys("isp", &certificate).account_keys("isp", &[("username", keys)]);
        let said = attempt(&world);
        assert_eq!(isp.received(), 1, "{said}\n{}", isp.transcript());
        let login = isp.mail().login.unwrap();
        assert_eq!((login.mechanism.as_str(), login.username.as_str()), ("EXTERNAL", isp.customer().0));
    }
}

#[test]
fn a_certificate_of_somebody_else_logs_nobody_in() {
    let (isp, other) = (offering("AUTH EXTERNAL").start(), Provider::start());
    let world = World::at_home(&isp);
    world.file("customer.pem", other.customer().1, 0o600);
    let keys = [("tls_client_cert", json!("customer.pem")), ("tls_client_key", json!("customer.pem"))];
    let none = [("password", Value::Null), ("username", Value::Null)];
    let second = Provider::start();
    let relays = [("relay", json!([isp.relay(), second.relay()]))];
    let world = world.account_keys("isp", &keys).account_keys("isp", &none).account_keys("isp", &relays);
    let said = attempt(&world);
    assert_eq!((isp.received(), isp.count(Verb::Mail), second.connections()), (0, 0, 0));
    // The owner must mend it: nothing is wrong with the relay, and no other would do better.
    assert!(said.contains("fatal: account isp") && said.contains("check tls_client_cert"), "{said}");
    world.postrider(&["status"]).code(2).says("check tls_client_cert");
    world.postrider(&["test"]).code(78).says("check tls_client_cert");
    world.file("customer.pem", isp.customer().1, 0o600);
    world.flush().code(0);
    assert_eq!((isp.received(), world.queued().len()), (1, 0));
}

#[test]
fn only_allowed_ones_are_taken() {
    let isp = offering("AUTH PLAIN LOGIN SCRAM-SHA-256").start();
    attempt(&World::at_home(&isp).account_keys("isp", &[("auth", json!(["login"]))]));
    assert_eq!(isp.mail().login.unwrap().mechanism, "LOGIN");
}

#[test]
fn a_password_with_everything_in_it_logs_in() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "CRAM-MD5"] {
        let isp = offering(&format!("AUTH {mechanism}")).login("me,=@isp.example", "p\u{e4}ss, \"w\u{f6}rd\"=").start();
        let world = World::at_home(&isp);
        if mechanism == "SCRAM-SHA-256" {
            // Its user names are escaped, which this provider does not undo.
            isp.add_login("me=2C=3D@isp.example", "p\u{e4}ss, \"w\u{f6}rd\"=");
        }
        let said = attempt(&world);
        assert_eq!(isp.received(), 1, "{mechanism}: {said}\n{}", isp.transcript());
    }
}

#[test]
fn a_mechanism_that_is_offered_and_then_unknown_gives_way_to_the_next() {
    for code in ["504 5.5.4 what is that", "502 5.5.1 no", "500 what"] {
        let isp = offering("AUTH PLAIN SCRAM-SHA-256").rule(on(Verb::Auth).about("SCRAM").reply(code)).start();
        attempt(&World::at_home(&isp));
        assert_eq!(isp.mail().login.unwrap().mechanism, "PLAIN");
    }
}

#[test]
fn where_nothing_fits_the_words_say_what_was_offered_and_what_to_change() {
    for (offered, words) in [
        ("AUTH GSSAPI NTLM", &["GSSAPI, NTLM", "postrider supports"][..]),
        ("AUTH XOAUTH2", &["XOAUTH2", "xoauth2", "auth in [account.isp]", "token"]),
        ("AUTH EXTERNAL", &["EXTERNAL", "tls_client_cert"]),
        ("AUTH", &["no login"]),
        ("AUTH=", &["no login"]),
    ] {
        let isp = offering(offered).start();
        let world = World::at_home(&isp);
        let said = attempt(&world);
        for word in words {
            assert!(said.contains(word), "{offered}: {said}");
        }
        assert_eq!((isp.count(Verb::Auth), world.queued().len()), (0, 1), "{offered}");
    }
}

#[test]
fn tokens_log_in_and_a_rejected_one_is_fetched_anew_once() {
    for (mechanism, name) in [("XOAUTH2", "xoauth2"), ("OAUTHBEARER", "oauthbearer")] {
        let isp = offering(&format!("AUTH {mechanism} PLAIN")).login("me@isp.example", "fresh-token").start();
        let world = World::at_home(&isp);
        let script = format!("cd {}; cat token; printf 'fresh-token\\n' > token", world.path("").display());
        world.file("token", "stale-token\n", 0o600);
        let command = json!({ "command": ["/bin/sh", "-c", script] });
        let world = world.account_keys("isp", &[("password", command), ("auth", json!([name]))]);
        let said = attempt(&world);
        assert_eq!(isp.received(), 1, "{said}\n{}", isp.transcript());
        assert_eq!(isp.logins().iter().map(|(_, right)| *right).collect::<Vec<_>>(), [false, true], "{mechanism}");
        assert!(!said.contains("stale-token"));
    }
}

/// A command that gives another token each time and notes that it ran.
fn tokens(world: &World) -> serde_json::Value {
    let script = format!("cd {}; echo ran >> runs; echo token-$(wc -l < runs)", world.path("").display());
    json!({ "command": ["/bin/sh", "-c", script] })
}

fn runs(world: &World) -> usize {
    std::fs::read_to_string(world.path("runs")).unwrap().lines().count()
}

#[test]
fn a_token_that_stays_wrong_is_told_and_not_tried_on_and_on() {
    for (mechanism, name) in [("XOAUTH2", "xoauth2"), ("OAUTHBEARER", "oauthbearer")] {
        let isp = offering(&format!("AUTH {mechanism}")).login("me@isp.example", "other").start();
        let same = json!({ "command": ["/bin/echo", "stale"] });
        let world = World::at_home(&isp).account_keys("isp", &[("password", same), ("auth", json!([name]))]);
        let said = attempt(&world);
        assert_eq!((isp.logins().len(), world.queued().len()), (1, 1), "the same one is not sent twice");
        assert!(said.contains("535"), "{said}");
        // Another each time: one fetch and one login more for the rejection, whatever comes of it.
        let anew = tokens(&world);
        let world = world.account_keys("isp", &[("password", anew)]);
        world.flush();
        let ran = runs(&world);
        assert_eq!(ran, 2, "{mechanism}");
        assert_eq!((isp.logins().len(), world.queued().len()), (1 + ran, 1), "{mechanism}");
        // The next attempt has a fetch of its own, and one more once that token is rejected.
        isp.change_password(&format!("token-{}", ran + 2));
        let world = world.set("postmaster", "me@isp.example");
        world.flush().code(0);
        assert_eq!((isp.logins().len(), runs(&world), isp.received()), (3 + ran, ran + 2, 1), "{mechanism}");
    }
}

#[test]
fn a_server_that_cannot_say_whether_a_token_is_right_gets_no_other() {
    let isp = offering("AUTH XOAUTH2").rule(on(Verb::Auth).reply("454 4.7.0 later")).start();
    let world = World::at_home(&isp);
    let keys = [("password", tokens(&world)), ("auth", json!(["xoauth2"]))];
    let world = world.account_keys("isp", &keys);
    attempt(&world);
    assert_eq!((isp.count(Verb::Auth), runs(&world), world.queued().len()), (1, 1, 1));
}

#[test]
fn a_server_that_does_not_prove_that_it_knows_the_password_gets_no_mail() {
    let isp = offering("AUTH SCRAM-SHA-256").rule(on(Verb::Auth).reply("235 2.7.0 come in, whoever you are")).start();
    let world = World::at_home(&isp);
    let said = attempt(&world);
    assert_eq!((isp.received(), isp.count(Verb::Mail), world.queued().len()), (0, 0, 1));
    assert!(said.contains("without proving"), "{said}");
}

#[test]
fn a_login_that_ends_in_a_closed_connection_waits() {
    for setup in
        [offering("AUTH PLAIN").rule(on(Verb::Auth).close()), offering("AUTH LOGIN").rule(auth_answer().close())]
    {
        let isp = setup.start();
        let world = World::at_home(&isp);
        attempt(&world);
        assert!(isp.received() <= 1);
        assert_eq!(isp.received() + world.queued().len(), 1);
    }
}
