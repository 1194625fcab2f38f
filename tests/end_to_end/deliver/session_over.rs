//! A session is not a message: what ends or slows a session charges no message, and what it has left unanswered goes on
//! at once in a new one, within bounds.

use serde_json::json;

use support::provider::{Provider, Setup, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::World;

fn one_session(isp: &Provider) -> World {
    World::at_home(isp).account_keys("isp", &[("max_connections", json!(1))])
}

/// Refuses the dead, and ends each of so many connections at the third of them.
fn closing_at_the_third_refusal(connections: usize) -> Provider {
    let mut setup = Provider::setup();
    for connection in 1..=connections {
        let dead = || on(Verb::Rcpt).about("dead").on_connection(connection);
        setup = setup.rule(dead().nth(3).reply_and_close("421 4.5.0 Too many errors, bye"));
        setup = setup.rule(dead().reply("550 5.1.1 no such user"));
    }
    setup.start()
}

/// The copies that each recipient of the provider's mail got, bounces aside.
fn copies(isp: &Provider) -> Vec<String> {
    let mails = isp.mails().into_iter().filter(|mail| !mail.from.is_empty());
    let mut all: Vec<String> = mails.flat_map(|mail| mail.to).collect();
    all.sort();
    all
}

#[test]
fn a_good_recipient_beside_dead_ones_gets_the_mail_at_once_from_a_server_that_closes_at_the_third_refusal() {
    let isp = closing_at_the_third_refusal(5);
    let world = one_session(&isp);
    let dead: Vec<String> = (0..6).map(|n| format!("dead{n}@away.example")).collect();
    let mut to: Vec<&str> = dead.iter().map(String::as_str).collect();
    to.push("bob@away.example");
    world.send_to(&to).code(0);
    let said = world.run_once().stderr;
    assert_eq!(copies(&isp), ["bob@away.example"], "{said}\n{}", isp.transcript());
    assert_eq!(said.matches("status=bounced").count(), 6, "{said}");
    assert!(!said.contains("status=deferred"), "{said}");
}

#[test]
fn a_session_that_the_server_ends_between_messages_charges_none() {
    for reply in [
        "421 4.7.0 too many messages in this connection",
        "421 4.5.3 Too many mails in this connection",
        "421 4.7.0 too many messages",
        "421 4.7.0 sending limit exceeded",
        "452 4.5.3 Too many recipients: Too many messages sent",
        "503 5.5.1 Error: send HELO/EHLO first",
    ] {
        let setup = (1..=4).fold(Provider::setup(), |setup, connection| {
            let third = on(Verb::Mail).on_connection(connection).nth(3);
            setup.rule(if reply.starts_with("421") { third.reply_and_close(reply) } else { third.reply(reply) })
        });
        let isp = setup.start();
        let world = one_session(&isp);
        for n in 0..6 {
            world.send_to(&[&format!("bob{n}@away.example")]).code(0);
        }
        let said = world.run_once().stderr;
        assert_eq!((copies(&isp).len(), isp.connections()), (6, 3), "{reply}: {said}\n{}", isp.transcript());
        assert!(!said.contains("status=deferred") && !said.contains("status=bounced"), "{reply}: {said}");
    }
}

#[test]
fn a_limit_that_ends_two_sessions_alike_is_kept_from_then_on() {
    let isp = Provider::setup().messages_per_connection(2).start();
    let world = one_session(&isp);
    for n in 0..60 {
        world.send_to(&[&format!("bob{n}@away.example")]).code(0);
    }
    let said = world.run_once().stderr;
    assert_eq!((copies(&isp).len(), isp.connections()), (60, 30), "{said}");
    assert!(isp.count(Verb::Mail) <= 62, "two were refused: {}", isp.count(Verb::Mail));
}

#[test]
fn a_closing_in_a_used_session_costs_no_message_wherever_it_comes() {
    for rule in [
        on(Verb::Mail).nth(2).close(),
        on(Verb::Rcpt).nth(2).close(),
        on(Verb::Data).nth(2).reply_and_close("421 4.3.2 shutting down"),
        after_dot().nth(2).reply_and_close("421 4.3.0 no more today"),
    ] {
        let isp = Provider::setup().rule(rule.clone()).start();
        let world = one_session(&isp);
        for n in 0..3 {
            world.send_to(&[&format!("bob{n}@away.example")]).code(0);
        }
        let said = world.run_once().stderr;
        let expected: Vec<String> = (0..3).map(|n| format!("bob{n}@away.example")).collect();
        assert_eq!((copies(&isp), isp.connections()), (expected, 2), "{rule:?}: {said}");
        assert!(!said.contains("status=deferred"), "{rule:?}: {said}");
    }
}

#[test]
fn no_reply_after_the_final_dot_is_never_sent_again_at_once() {
    let isp = Provider::setup().rule(after_dot().nth(2).close()).start();
    let world = one_session(&isp);
    world.send_to(&["bob1@away.example"]).code(0);
    world.send_to(&["bob2@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.dots(), world.queued().len()), (2, 1));
}

#[test]
fn a_server_that_ends_every_session_gets_a_bounded_number_of_them() {
    // A refusal is progress, but here only ever of one recipient.
    let setup = (1..=60).fold(Provider::setup(), |setup, connection| {
        let rcpt = || on(Verb::Rcpt).on_connection(connection);
        setup.rule(rcpt().nth(1).reply("550 5.1.1 no such user")).rule(rcpt().nth(2).reply_and_close("421 4.5.0 bye"))
    });
    let isp = setup.start();
    let world = one_session(&isp);
    let dead: Vec<String> = (0..40).map(|n| format!("dead{n}@away.example")).collect();
    world.send_to(&dead.iter().map(String::as_str).collect::<Vec<_>>()).code(0);
    world.run_once();
    // The bounce has a session of its own.
    assert!((2..=8).contains(&isp.connections()), "{}", isp.connections());
    assert!(!world.queued().is_empty(), "the others wait");
}

#[test]
fn sixty_messages_to_a_server_that_puts_off_every_mail_are_not_sixty_attempts() {
    // Most mail of a machine goes to one recipient.
    let to_one = |_| "root@away.example".to_owned();
    let to_many = |n| format!("bob{n}@away.example");
    for (reply, to) in [
        ("450 4.7.1 rate limit, slow down", &to_many as &dyn Fn(usize) -> String),
        ("450 4.7.1 rate limit, slow down", &to_one),
        ("450 4.3.2 too much mail at the moment", &to_one),
    ] {
        let isp = Provider::setup().rule(on(Verb::Mail).reply(reply)).start();
        let world = one_session(&isp);
        for n in 0..60 {
            world.send_to(&[&to(n)]).code(0);
        }
        let said = world.run_once().stderr;
        assert!(isp.count(Verb::Mail) <= 2, "{}: {said}", isp.count(Verb::Mail));
        assert_eq!(world.queued().len(), 60);
        let charged = world.queue_json().iter().filter(|message| message["attempts"] != json!(0)).count();
        assert!(charged <= 1, "{charged}");
        assert!(said.matches("no change needed").count() <= 2, "{said}");
    }
}

#[test]
fn a_fresh_session_that_ends_at_once_charges_the_message_so_that_it_does_not_block_others() {
    let isp = Setup::start(Provider::setup().rule(on(Verb::Data).reply_and_close("421 4.3.0 not this one")));
    let world = one_session(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(isp.connections(), 1);
    assert_eq!(world.queue_json()[0]["attempts"], json!(1));
}

#[test]
fn two_messages_with_dead_recipients_at_a_server_that_closes_pause_nobody() {
    let isp = closing_at_the_third_refusal(20);
    let world = one_session(&isp);
    for message in 0..2 {
        let dead: Vec<String> = (0..30).map(|n| format!("dead{message}-{n}@away.example")).collect();
        world.send_to(&dead.iter().map(String::as_str).collect::<Vec<_>>()).code(0);
    }
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert_eq!(copies(&isp), ["bob@away.example"], "{said}");
    assert!(!said.contains("account isp"), "{said}");
}

#[test]
fn sessions_that_end_for_earlier_recipients_pause_nobody_when_no_new_one_may_follow_at_once() {
    let isp = closing_at_the_third_refusal(80);
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(2))]);
    // Every second message needs a new session, more often than an account may have one at once.
    for n in 0..60 {
        let dead = |which: &str| format!("dead{n}{which}@away.example");
        world.send_to(&[&format!("bob{n}@away.example"), &dead("a"), &dead("b")]).code(0);
    }
    let said = world.run_once().stderr;
    assert!(!said.contains("account isp"), "{said}");
    assert!(isp.received() >= 30, "{}", isp.received());
}

#[test]
fn what_a_server_quotes_of_a_recipients_server_ends_no_session_and_stops_no_account() {
    for reply in [
        "556 5.1.10 Recipient address rejected: Domain null.example does not accept mail (nullMX)",
        "450 4.1.1 Recipient address rejected: unverified address: connect to mx.y.example[203.0.113.4]:25: Connection timed out",
        "550 5.1.1 Recipient address rejected: undeliverable address: host mx.y.example[203.0.113.4] said: 554 blocked using zen.spamhaus.org",
    ] {
        let isp = Provider::setup().rule(on(Verb::Rcpt).about("null").reply(reply)).start();
        let world = one_session(&isp);
        for n in 0..3 {
            world.send_to(&[&format!("null{n}@away.example")]).code(0);
        }
        world.send_to(&["bob@away.example"]).code(0);
        let said = world.run_once().stderr;
        assert_eq!((copies(&isp).len(), isp.connections()), (1, 1), "{reply}: {said}\n{}", isp.transcript());
        assert!(!said.contains("needs attention"), "{reply}: {said}");
        assert_eq!(said.matches("status=bounced").count(), if reply.starts_with('5') { 3 } else { 0 }, "{said}");
    }
}

#[test]
fn a_recipient_in_reply_to_whom_the_server_ends_the_session_keeps_the_mail_from_no_other() {
    for ends in [
        on(Verb::Rcpt)
            .about("bad")
            .reply_and_close("421 4.7.0 IP not in whitelist for this domain, closing connection"),
        on(Verb::Rcpt).about("bad").close(),
    ] {
        let isp = Provider::setup().rule(ends.clone()).start();
        let world = one_session(&isp);
        world.send_to(&["ann@away.example", "bad@away.example", "carl@away.example"]).code(0);
        let said = world.run_once().stderr;
        assert_eq!(copies(&isp), ["ann@away.example", "carl@away.example"], "{ends:?}: {said}\n{}", isp.transcript());
        assert!(said.contains("to=<bad@away.example>") && said.contains("status=deferred"), "{said}");
        assert_eq!(isp.connections(), 2, "{said}");
        // It is tried again alone.
        world.flush();
        assert_eq!((copies(&isp).len(), isp.connections()), (2, 3), "{}", isp.transcript());
    }
}

#[test]
fn recipients_behind_many_in_reply_to_whom_the_server_ends_the_session_get_the_mail_as_well() {
    let ends = on(Verb::Rcpt).about("bad").reply_and_close("421 4.7.0 try again later, closing connection");
    let isp = Provider::setup().rule(ends).start();
    let world = one_session(&isp);
    let bad: Vec<String> = (0..8).map(|n| format!("bad{n}@away.example")).collect();
    let all: Vec<&str> = bad.iter().map(String::as_str).chain(["ann@away.example", "carl@away.example"]).collect();
    world.send_to(&all).code(0);
    let said = world.run_once().stderr;
    assert_eq!(isp.connections(), 2, "two sessions that end with the first recipient may be the server's end: {said}");
    // Within a minute hardly any further session may follow in an attempt, so that each attempt brings one or two.
    wait_for("the others' mail", || {
        world.flush();
        !copies(&isp).is_empty()
    });
    assert_eq!(copies(&isp), ["ann@away.example", "carl@away.example"], "{}", isp.transcript());
}

#[test]
fn content_that_went_along_is_sent_again_to_nobody_where_the_session_ends_before_the_replies() {
    let isp = Provider::setup().offers("CHUNKING").rule(on(Verb::Rcpt).about("carl").close()).start();
    let world = one_session(&isp).account_keys("isp", &[("early_data", json!(true))]);
    world.send_to(&["ann@away.example", "bob@away.example", "carl@away.example", "dan@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert_eq!(isp.connections(), 1, "{said}\n{}", isp.transcript());
}
