//! What becomes of mail, senders and accounts for what a provider says in a transaction: held, paused, told.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use support::provider::{Gate, Provider, Rule, Verb, after_dot, greeting, on};
use support::wait::wait_for;
use support::world::World;

const LIMIT: &str = "550 5.4.5 Daily sending limit exceeded, try again in 24 hours";

fn send(world: &World, to: &str) {
    world.send_to(&[to]).code(0);
}

#[test]
fn a_limit_that_one_message_meets_holds_that_message_and_no_other() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("bob").reply(LIMIT)).start();
    let world = World::at_home(&isp);
    send(&world, "bob@away.example");
    send(&world, "carol@away.example");
    let said = world.run_once().stderr;
    assert_eq!((isp.mail().to, world.queued().len()), (vec!["carol@away.example".to_owned()], 1), "{said}");
    assert!(said.contains("it should be over in 24 h"), "{said}");
    send(&world, "dave@away.example");
    world.run_once();
    assert_eq!(isp.received(), 2, "the account works on");
}

#[test]
fn a_code_of_the_login_after_the_login_is_about_the_message_or_its_sender_and_stops_no_account() {
    for rule in [
        on(Verb::Mail).once().reply("530 Sender rejected"),
        on(Verb::Mail).once().reply("534 SIZE=Message too big."),
        on(Verb::Rcpt).about("bob").reply("530 5.7.0 not for this one"),
        on(Verb::Data).once().reply("535 5.7.0 not now"),
        after_dot().once().reply("534 Message header size exceeds policy limit."),
    ] {
        let isp = Provider::setup().rule(rule).start();
        let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(1))]);
        send(&world, "bob@away.example");
        world.sendmail(&["-i", "-f", "dave", "carol@away.example"], "Subject: x\n\n").code(0);
        let said = world.run_once().stderr;
        assert!(isp.mails().iter().any(|mail| mail.to == ["carol@away.example"]), "the account works on: {said}");
        assert!(!said.contains("fatal:") && !isp.mails().iter().any(|mail| mail.to == ["bob@away.example"]), "{said}");
    }
}

#[test]
fn what_one_recipients_mail_meets_however_often_holds_no_mail_to_others() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("bob").reply(LIMIT)).start();
    let world = World::at_home(&isp);
    for _ in 0..3 {
        send(&world, "bob@away.example");
    }
    send(&world, "carol@away.example");
    world.run_once();
    assert_eq!((isp.mail().to, world.queued().len()), (vec!["carol@away.example".to_owned()], 3));
}

#[test]
fn mail_that_is_held_for_a_limit_comes_back_after_its_lifetime_and_its_sender_was_told() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("bob").reply(LIMIT)).start();
    let world = World::at_home(&isp);
    send(&world, "bob@away.example");
    world.run_once();
    world.flush();
    assert!(isp.mail().text().contains("Action: delayed"), "{}", isp.mail().text());
    let world = world.queue_set("lifetime", "1s");
    wait_for("the bounce", || {
        world.flush();
        isp.received() == 2
    });
    assert!(isp.mails()[1].text().contains("Action: failed") && world.queued().is_empty(), "{}", isp.transcript());
}

#[test]
fn a_limit_that_two_messages_meet_pauses_the_account_until_its_time() {
    let isp = Provider::setup().rule(after_dot().reply(LIMIT)).start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(1))]);
    for to in ["bob@away.example", "carol@away.example", "dave@away.example"] {
        send(&world, to);
    }
    world.run_once();
    assert_eq!((isp.dots(), world.queued().len()), (2, 3), "the third is not tried");
    let status = world.postrider(&["status"]).stdout;
    assert!(status.contains("it should be over at") && status.contains("Daily sending limit"), "{status}");
    isp.behave();
    world.flush().code(0);
    wait_for("all mail", || {
        world.flush();
        isp.received() == 3
    });
    world.drain();
    world.postrider(&["status"]).code(0);
}

#[test]
fn a_message_put_off_for_its_sender_is_held_with_the_row_to_write_whatever_the_first_digit() {
    for refusal in
        ["450 4.1.8 <me@isp.example>: Sender address rejected: Domain not found", "451 4.1.8 Domain of sender address"]
    {
        let isp = Provider::setup().rule(on(Verb::Mail).about("<me@").reply(refusal)).start();
        let world = World::at_home(&isp);
        send(&world, "bob@away.example");
        world.run_once();
        let status = world.postrider(&["status"]).code(2).stdout;
        assert!(status.contains("in `generic`, map alice@home.lan"), "{status}");
        let world = world.account_keys("isp", &[("sender_grace", json!("1s"))]);
        let bounce = || isp.mails().into_iter().find(|mail| mail.text().contains("Action: failed"));
        wait_for("the bounce", || {
            world.flush();
            bounce().is_some()
        });
        assert!(bounce().unwrap().text().contains("generic"));
    }
}

#[test]
fn the_sender_of_a_held_message_is_told_once_with_the_second_attempt() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("bob").reply("553 5.7.1 sender not owned by user")).start();
    let world = World::at_home(&isp);
    send(&world, "bob@away.example");
    world.run_once();
    assert_eq!(isp.received(), 0, "a mistake of a moment is not reported");
    for _ in 0..3 {
        world.flush();
    }
    wait_for("the notice", || {
        world.run_once();
        isp.received() == 1
    });
    let notice = isp.mail();
    assert_eq!((notice.from.as_str(), notice.to.as_slice()), ("", ["me@isp.example".to_owned()].as_slice()));
    assert!(notice.text().contains("Action: delayed") && notice.text().contains("What to do:"), "{}", notice.text());
    for _ in 0..3 {
        world.flush();
    }
    assert_eq!((isp.received(), world.queued().len()), (1, 1));
}

#[test]
fn a_refusal_of_the_from_field_names_the_field_as_it_was_sent() {
    let isp = Provider::setup()
        .rule(after_dot().reply("550 5.7.1 the From header address is not allowed for this account"))
        .start();
    let world = World::at_home(&isp);
    world.sendmail(&["bob@away.example"], "From: Other <other@elsewhere.example>\nSubject: hello\n\ntext\n").code(0);
    let said = world.run_once().stderr;
    assert!(said.contains("it is other@elsewhere.example now"), "{said}");
    assert_eq!(world.queued().len(), 1);
}

#[test]
fn a_greeting_that_refuses_this_machine_for_good_needs_the_owner_at_once() {
    let isp = Provider::setup().rule(greeting().reply("554 5.7.1 your address is blocked")).start();
    let world = World::at_home(&isp);
    send(&world, "bob@away.example");
    world.run_once();
    world.postrider(&["status"]).code(2).says("your address is blocked");
    isp.behave();
    world.flush().code(0);
    assert_eq!(isp.received(), 1);
}

#[test]
fn where_a_session_more_is_refused_the_account_works_on_with_fewer() {
    works_on(greeting().on_connection(3).reply_and_close("421 4.7.0 Too many concurrent connections"));
}

#[test]
fn where_a_session_more_is_closed_without_a_word_the_account_works_on_with_fewer() {
    works_on(greeting().on_connection(3).close());
}

#[test]
fn where_a_session_more_is_never_greeted_the_account_works_on_with_fewer() {
    // As where a server's backlog is full: the system takes the connection, and the server never learns of it.
    works_on(greeting().on_connection(3).silence());
}

#[test]
fn where_a_session_more_is_reset_the_account_works_on_with_fewer() {
    works_on(greeting().on_connection(3).reset());
}

#[test]
fn where_a_session_more_is_refused_when_the_others_have_ended_nothing_waits_either() {
    let gate = Gate::closed();
    let refusal =
        greeting().on_connection(2).behind(&gate).reply_and_close("421 4.7.0 Too many concurrent connections");
    let isp = Provider::setup().rule(refusal).start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(2))]);
    for number in 0..5 {
        send(&world, &format!("friend{number}@away.example"));
    }
    let runner = world.runner();
    wait_for("the others", || isp.received() == 4 && runner.log().matches("removed").count() == 4);
    gate.open();
    wait_for("all mail", || isp.received() == 5);
    assert!(!runner.log().contains("next try in"), "{}", runner.log());
}

#[test]
fn a_runner_that_is_told_to_end_waits_for_no_server_that_has_not_greeted() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(greeting().behind(&gate).reply("220 at last")).start();
    let world = World::at_home(&isp);
    send(&world, "bob@away.example");
    let mut runner = world.runner();
    wait_for("the connection", || isp.connections() == 1);
    let begun = Instant::now();
    runner.signal(Signal::TERM);
    runner.end();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // Nothing was learnt of the server, so nothing is held against it.
    assert_eq!(world.queued().len(), 1);
    assert!(!world.postrider(&["status"]).code(0).stdout.contains("account isp"));
    gate.open();
    world.drain();
    assert_eq!(isp.received(), 1);
}

/// All mail goes out without a pause, although the third connection gets this.
fn works_on(third: Rule) {
    // The first connection is busy for certain when the third comes. Others come once it has delivered a message.
    let gate = Gate::closed();
    let busy = after_dot().on_connection(1).nth(2).behind(&gate).reply("250 2.0.0 ok");
    let isp = Provider::setup().rule(third).rule(busy).start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(4))]);
    for number in 0..30 {
        send(&world, &format!("friend{number}@away.example"));
    }
    let runner = world.runner();
    wait_for("the third connection", || isp.connections() >= 3);
    gate.open();
    wait_for("all mail", || isp.received() == 30);
    assert!(isp.connections() >= 3 && !runner.log().contains("next try in"), "{}", runner.log());
}

/// Mail of one account: first to somebody whose reply is these words, then to another like that, then to bob.
fn one_and_another_and_bob(isp: &Provider, world: &World) -> String {
    let mut said = String::new();
    for to in ["bad1@away.example", "bad2@other.example", "bob@third.example"] {
        world.send_to(&[to]).code(0);
        said += &world.run_once().stderr;
    }
    if isp.mails().iter().all(|mail| mail.to != ["bob@third.example"]) {
        said += &world.flush().stderr;
    }
    said
}

/// What the recipient's server said of the relay, or a relay of those that it does not relay for.
#[test]
fn no_recipient_stops_the_mail_of_others() {
    for words in [
        "450 4.2.1 host mx.y.example said: 421 too many connections from your host",
        "550 5.7.1 too many connections",
        "554 5.7.1 Relay access denied",
        "530 5.7.0 Authentication required to send to this group",
        "550 5.7.1 your IP address is on our blocklist",
    ] {
        for login in [Some("me"), None] {
            let setup = Provider::setup().rule(on(Verb::Rcpt).about("bad").reply(words));
            let isp = if login.is_none() { setup.without_login().start() } else { setup.start() };
            let mut world = World::at_home(&isp);
            if login.is_none() {
                world = world.account_keys("isp", &[("username", json!(null)), ("password", json!(null))]);
            }
            let said = one_and_another_and_bob(&isp, &world);
            let to_bob = isp.mails().iter().filter(|mail| mail.to == ["bob@third.example"]).count();
            assert_eq!(to_bob, 1, "{words}: {said}");
        }
    }
}

#[test]
fn a_sender_who_is_asked_for_another_login_stops_nobody_else() {
    for words in [
        "530 5.7.0 Authentication required for this sender",
        "550 5.7.1 you must authenticate as the owner of this address",
        "554 5.7.10 Encryption required by policy of sender domain",
    ] {
        let isp = Provider::setup().rule(on(Verb::Mail).about("alice").reply(words)).start();
        let world = World::new().account("isp", &isp);
        for sender in ["alice@home.lan", "alice@home.lan", "bob@home.lan"] {
            world.sendmail(&["-f", sender, "carol@away.example"], "Subject: x\n\nx\n").code(0);
        }
        let said = world.run_once().stderr;
        assert_eq!(isp.received(), 1, "{words}: {said}");
        assert!(!said.contains("needs attention"), "{words}: {said}");
    }
}
