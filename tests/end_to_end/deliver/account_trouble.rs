//! Relay and account trouble: nothing is wrong with the mail, so it waits, nothing
//! bounces, and no secret leaves for a provider that is not what it should be.

use serde_json::json;

use support::provider::{Certificate, Gate, Mail, Provider, Rule, Setup, Verb, after_dot, greeting, handshake, on};
use support::wait::wait_for;
use support::world::World;

/// Queues one mail, tries once, and finds it still queued with nobody having got anything.
#[track_caller]
fn defers(isp: &Provider, world: &World) -> String {
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert_eq!((isp.received(), world.queued().len()), (0, 1), "{said}");
    assert!(world.spool("failed").is_empty());
    said
}

fn no_secret_in_clear(isp: &Provider) {
    let clear = isp.heard_in_clear();
    assert!(!clear.contains("AUTH") && !clear.contains("MAIL") && !clear.contains("correct horse"), "{clear}");
}

#[test]
fn a_wrong_password_defers_and_says_so_and_is_tried_once() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!("wrong horse"))]);
    world.send_to(&["carol@away.example"]).code(0);
    world.send_to(&["dave@away.example"]).code(0);
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert_eq!((isp.logins().len(), isp.count(Verb::Mail), world.queued().len()), (1, 0, 3), "one try for all three");
    let mailq = world.mailq();
    assert!(mailq.contains("535"), "{mailq}");
    assert!(said.contains("535"), "{said}");
    for told in [said, mailq] {
        assert!(!told.contains("wrong horse"), "a password is never told: {told}");
    }
}

#[test]
fn a_rejected_login_is_not_hammered_but_a_changed_credential_is_tried() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!("wrong horse"))]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    world.run_once();
    world.flush();
    assert_eq!(isp.logins().len(), 1, "no flush shortens the wait after a rejected login");
    let world = world.account_keys("isp", &[("password", json!("correct horse"))]);
    world.flush();
    assert_eq!(isp.received(), 1);
}

#[test]
fn an_unreadable_password_defers_and_names_its_file() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!({"file": "secrets/isp"}))]);
    let said = defers(&isp, &world);
    assert!(said.contains("secrets/isp"), "{said}");
    assert_eq!(isp.logins().len(), 0);
}

#[test]
fn a_password_that_others_can_read_is_not_used() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!({"file": "open"}))]);
    world.file("open", "correct horse\n", 0o644);
    let said = defers(&isp, &world);
    assert!(said.contains("open"), "{said}");
    assert_eq!(isp.logins().len(), 0);
}

#[test]
fn a_refused_connection_is_the_relays_trouble_and_no_messages() {
    let isp = Provider::setup().start_closed();
    let world = World::at_home(&isp);
    let said = defers(&isp, &world);
    assert!(said.contains(&format!("connect to 127.0.0.1[127.0.0.1]:{}: Connection refused", isp.port())), "{said}");
    assert!(said.contains("status=deferred (connect to 127.0.0.1[127.0.0.1]:") && !said.contains("os error"), "{said}");
    assert!(said.contains("messages waiting: 1"), "{said}");
    let queue = world.queue_json();
    assert_eq!(queue[0]["attempts"], json!(0), "the message is not charged: {queue:?}");
    isp.open();
    world.flush().code(0);
    assert_eq!((isp.received(), world.queued().len()), (1, 0));
}

#[test]
fn a_greeting_that_refuses_is_the_relays_trouble() {
    for text in ["554 5.3.2 not today", "421 4.3.2 too busy"] {
        let isp = Provider::setup().rule(greeting().reply_and_close(text)).start();
        let world = World::at_home(&isp);
        let said = defers(&isp, &world);
        assert!(said.contains(text.split_once(' ').unwrap().1), "{said}");
        assert_eq!(world.queue_json()[0]["attempts"], json!(0));
        assert_eq!((isp.count(Verb::Mail), isp.logins().len()), (0, 0));
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let isp = Provider::setup().rule(greeting().silence()).start();
    let world = World::at_home(&isp).account_keys("isp", &[("timeout", json!("1s"))]);
    let said = defers(&isp, &world);
    // What reads logs takes the first closing bracket for the reason's end.
    assert!(
        said.contains("status=deferred (the server did not answer in time while waiting for the greeting)"),
        "{said}"
    );
    let delays = said.split("delays=").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    let connecting: f64 = delays.split('/').nth(2).unwrap().parse().unwrap();
    assert!((0.9..10.0).contains(&connecting), "the wait is in the log: {said}");
}

#[test]
fn a_server_that_speaks_no_smtp_is_given_up() {
    for nonsense in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"\0\xff\xfe\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let isp = Provider::setup().rule(greeting().say(nonsense)).start();
        let world = World::at_home(&isp).account_keys("isp", &[("timeout", json!("2s"))]);
        defers(&isp, &world);
        isp.forgive();
    }
}

#[test]
fn stripped_starttls_defers_without_any_secret() {
    let isp = Provider::setup().without("STARTTLS").offers_in_clear("AUTH PLAIN LOGIN").start();
    let world = World::at_home(&isp);
    let said = defers(&isp, &world);
    assert!(said.contains("STARTTLS"), "{said}");
    assert!(world.mailq().contains("STARTTLS"));
    no_secret_in_clear(&isp);
    assert_eq!(isp.count(Verb::Auth), 0);
}

/// These providers are not to be trusted with a login.
fn untrusted(setup: Setup) {
    let isp = setup.start();
    let world = World::at_home(&isp);
    defers(&isp, &world);
    no_secret_in_clear(&isp);
    assert_eq!((isp.logins().len(), isp.count(Verb::Mail)), (0, 0), "{}", isp.transcript());
}

#[test]
fn refused_starttls_defers_without_any_secret() {
    untrusted(Provider::setup().rule(on(Verb::StartTls).reply("454 4.7.0 TLS not available")));
}

#[test]
fn bytes_glued_behind_the_reply_to_starttls_break_the_session() {
    untrusted(Provider::setup().rule(on(Verb::StartTls).reply("220 go").glued(b"250-evil\r\n250 AUTH PLAIN\r\n")));
}

#[test]
fn garbage_instead_of_a_handshake_breaks_the_session() {
    untrusted(Provider::setup().rule(handshake().say(b"250 this is no TLS\r\n")));
}

#[test]
fn certificates_that_do_not_verify_get_no_login() {
    let names = vec!["127.0.0.1".to_owned()];
    untrusted(Provider::setup().certificate(Certificate::Expired(names.clone())));
    untrusted(Provider::setup().certificate(Certificate::SelfSigned(names)));
    untrusted(Provider::setup().named("mail.other.example"));
}

#[test]
fn a_certificate_problem_is_named_as_such() {
    let isp = Provider::setup().named("mail.other.example").start();
    let world = World::at_home(&isp);
    let said = defers(&isp, &world);
    assert!(said.contains("certificate") && said.contains("mail.other.example"), "{said}");
    let mailq = world.mailq();
    assert!(mailq.contains("certificate"), "{mailq}");
}

#[test]
fn an_authority_that_is_not_the_accounts_own_is_not_trusted() {
    let (isp, other) = (Provider::start(), Provider::start());
    let world = World::at_home(&isp);
    world.file("isp.pem", other.authority(), 0o644);
    defers(&isp, &world);
    assert_eq!(isp.logins().len(), 0);
}

#[test]
fn a_login_without_tls_goes_only_where_the_account_allows_it() {
    let isp = Provider::setup().plaintext().start();
    let world = World::at_home(&isp).account_keys("isp", &[("tls", json!("none")), ("tls_ca", json!(null))]);
    defers(&isp, &world);
    assert_eq!(isp.count(Verb::Auth), 0, "loopback counts only below the unprivileged ports");
}

#[test]
fn a_sender_that_is_not_owned_waits_for_its_owner() {
    let isp =
        Provider::setup().rule(on(Verb::Mail).reply("553 5.7.1 sender address rejected: not owned by user")).start();
    let world = World::at_home(&isp);
    defers(&isp, &world);
    let mailq = world.mailq();
    assert!(mailq.contains("not owned"), "{mailq}");
    isp.behave();
    world.flush();
    assert_eq!(isp.mail().to, ["bob@away.example"], "and goes when it is mended");
}

#[test]
fn a_sender_refused_for_longer_than_its_grace_bounces() {
    let refusal = on(Verb::Mail).about("<me@").reply("553 5.7.1 sender address rejected: not owned by user");
    let isp = Provider::setup().rule(refusal).start();
    let world = World::at_home(&isp).account_keys("isp", &[("sender_grace", json!("1s"))]);
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the bounce", || {
        world.flush();
        isp.mails().iter().any(|mail| mail.text().contains("Action: failed"))
    });
    assert!(isp.mails().iter().all(|mail| mail.from.is_empty()));
}

#[test]
fn trouble_at_one_provider_does_not_hold_up_the_other() {
    let (down, up) = (Provider::setup().start_closed(), Provider::start());
    let world = World::new()
        .account_with("down", &down, &[("senders", json!(["alice@home.lan"]))])
        .account("up", &up)
        .set("default_account", "up");
    world.send_to(&["bob@away.example"]).code(0);
    world.sendmail(&["-f", "carol", "bob@away.example"], "Subject: x\n\n").code(0);
    world.run_once();
    assert_eq!((up.mail().from.as_str(), world.queued().len()), ("carol@home.lan", 1));
}

/// Plays the rule once; the message is not lost: an explicit flush brings exactly it.
fn survives(rule: Rule) -> (Provider, Mail) {
    let isp = Provider::setup().rule(rule.once()).start();
    let world = World::at_home(&isp);
    defers(&isp, &world);
    world.flush().code(0);
    let mail = isp.mail();
    assert!(world.queued().is_empty());
    (isp, mail)
}

#[test]
fn a_connection_lost_at_any_point_costs_no_message() {
    for verb in [Verb::Ehlo, Verb::StartTls, Verb::Auth, Verb::Mail, Verb::Rcpt, Verb::Data] {
        survives(on(verb).close());
        survives(on(verb).reset());
    }
}

#[test]
fn a_421_at_any_point_costs_no_message() {
    for verb in [Verb::Ehlo, Verb::StartTls, Verb::Mail, Verb::Rcpt, Verb::Data] {
        survives(on(verb).reply_and_close("421 4.3.0 going down"));
    }
}

#[test]
fn no_reply_after_the_dot_is_an_unknown_outcome_not_tried_again_at_once() {
    let isp = Provider::setup().rule(after_dot().once().close()).start();
    let world = World::at_home(&isp);
    defers(&isp, &world);
    world.run_once();
    assert_eq!(isp.dots(), 1, "the next try is not before an hour");
    world.flush().code(0);
    let (first, second) = (isp.unanswered().remove(0), isp.mail());
    assert_eq!(first.field("Message-ID"), second.field("Message-ID"), "the second copy can be recognised");
}

#[test]
fn mail_that_is_being_attempted_while_its_account_is_repaired_goes_at_once_as_well() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(on(Verb::Rcpt).once().behind(&gate).reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp).queue_set("retry_min", "1h");
    world.send_to(&["bob@away.example"]).code(0);
    let runner = world.runner().ready(&world);
    wait_for("the attempt", || isp.count(Verb::Rcpt) == 1);
    let _world = world.queue_set("warn_after", "3h");
    wait_for("the new config", || runner.log().contains("reload -- "));
    gate.open();
    wait_for("the mail", || isp.received() == 1);
}
