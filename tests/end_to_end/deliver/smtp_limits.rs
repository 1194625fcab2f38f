//! Providers with odd manners and limits: the mail is neither lost nor sent twice, and
//! the client keeps its bounds.

use serde_json::json;

use support::provider::{Provider, Verb, auth_answer, during_content, idle, on};
use support::wait::wait_for;
use support::world::World;

/// One connection at a time, patience of two seconds.
fn patient(isp: &Provider) -> World {
    World::at_home(isp).account_keys("isp", &[("max_connections", json!(1)), ("timeout", json!("2s"))])
}

#[track_caller]
fn send_and_find_queued(isp: &Provider, world: &World) -> String {
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert_eq!((isp.received(), world.queued().len()), (0, 1), "{said}");
    said
}

#[test]
fn an_endless_reply_is_given_up() {
    let isp = Provider::setup().rule(on(Verb::Ehlo).endless(b"250-and another thing\r\n")).start();
    send_and_find_queued(&isp, &patient(&isp));
}

#[test]
fn an_endless_line_is_given_up() {
    let isp = Provider::setup().rule(on(Verb::Ehlo).endless(&[b'x'; 4096])).start();
    send_and_find_queued(&isp, &patient(&isp));
}

#[test]
fn odd_bytes_in_a_reply_do_no_harm() {
    let isp = Provider::setup()
        .rule(on(Verb::Mail).say(b"250 2.1.0 gr\xfc\xdfe \x1b[31m\0\r\n"))
        .rule(on(Verb::Rcpt).reply("250-2.1.5 several\n250-2.1.5 lines\n250 2.1.5 of it"))
        .rule(on(Verb::Data).reply("354"))
        .start();
    let world = patient(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    let log = world.run_once().stderr;
    assert_eq!(isp.received(), 1);
    assert!(!log.contains('\x1b'), "what a server says is cleaned before people see it");
}

#[test]
fn control_characters_of_a_server_reach_no_terminal() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).say(b"450 4.2.0 \x1b]0;owned\x07 not now\r\n")).start();
    let world = patient(&isp);
    let log = send_and_find_queued(&isp, &world);
    for told in [log, world.mailq()] {
        assert!(told.contains("not now") && !told.contains('\x1b') && !told.contains('\x07'), "{told:?}");
    }
}

#[test]
fn a_login_refused_for_now_defers() {
    let isp = Provider::setup().rule(on(Verb::Auth).once().reply("454 4.7.0 try later")).start();
    let world = patient(&isp);
    let said = send_and_find_queued(&isp, &world);
    assert!(said.contains("454"), "{said}");
    assert_eq!(isp.count(Verb::Mail), 0);
}

#[test]
fn a_login_that_ends_in_a_strange_challenge_tells_no_secret() {
    let isp = Provider::setup()
        .rule(on(Verb::Auth).reply("334 Y29ycmVjdCBob3JzZQ=="))
        .rule(auth_answer().reply("535 5.7.8 no: correct horse"))
        .start();
    let world = patient(&isp);
    let said = send_and_find_queued(&isp, &world);
    for told in [said, world.mailq()] {
        assert!(!told.contains("correct horse"), "replies to AUTH are kept as codes only: {told}");
    }
}

#[test]
fn a_connection_that_breaks_during_the_content_costs_no_message() {
    for rule in
        [during_content().close(), during_content().reset(), during_content().reply_and_close("421 4.3.0 sorry")]
    {
        let isp = Provider::setup().rule(rule.once()).start();
        let world = patient(&isp);
        send_and_find_queued(&isp, &world);
        world.flush().code(0);
        assert_eq!((isp.received(), world.queued().len()), (1, 0));
    }
}

#[test]
fn a_farewell_between_two_messages_costs_neither() {
    let isp = Provider::setup().rule(idle().on_connection(1).reply_and_close("421 4.4.2 idle for too long")).start();
    let world = patient(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.send_to(&["carol@away.example"]).code(0);
    world.run_once();
    world.flush().code(0);
    assert_eq!((isp.received(), world.queued().len()), (2, 0));
}

#[test]
fn a_provider_that_takes_one_connection_at_a_time_gets_all_mail() {
    let isp = Provider::setup().connections_at_once(1).start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(3))]);
    for _ in 0..6 {
        world.send_to(&["bob@away.example"]).code(0);
    }
    wait_for("all six", || {
        world.flush();
        isp.received() >= 6
    });
    assert_eq!((isp.received(), world.queued().len()), (6, 0));
}

#[test]
fn too_many_recipients_are_not_refused_recipients() {
    let isp = Provider::setup().recipients_per_message(2).start();
    let world = patient(&isp);
    let recipients = ["a@away.example", "b@away.example", "c@away.example", "d@away.example", "e@away.example"];
    world.send_to(&recipients).code(0);
    wait_for("all five", || {
        world.flush();
        world.queued().is_empty()
    });
    let mut reached: Vec<String> = isp.mails().into_iter().flat_map(|mail| mail.to).collect();
    reached.sort();
    assert_eq!(reached, recipients, "each exactly once, and nothing bounced");
}

#[test]
fn a_rate_limit_defers_the_rest() {
    let isp = Provider::setup().rule(on(Verb::Mail).nth_and_later(3).reply("450 4.7.1 too much mail")).start();
    let world = patient(&isp);
    for _ in 0..4 {
        world.send_to(&["bob@away.example"]).code(0);
    }
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (2, 2));
    isp.behave();
    world.flush().code(0);
    assert_eq!(isp.received(), 4);
}

#[test]
fn a_server_that_never_answers_quit_does_not_hold_up_the_runner() {
    let isp = Provider::setup().rule(on(Verb::Quit).silence()).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (1, 0));
}

#[test]
fn messages_of_one_run_may_come_over_several_connections() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(2))]);
    for _ in 0..10 {
        world.send_to(&["bob@away.example"]).code(0);
    }
    world.run_once();
    let used: std::collections::HashSet<usize> = isp.mails().iter().map(|mail| mail.connection).collect();
    assert_eq!((isp.received(), world.queued().len()), (10, 0));
    assert!((1..=2).contains(&used.len()) && isp.connections() <= 2, "never more than the account says");
}

#[test]
fn a_password_changed_at_the_provider_defers_until_the_config_follows() {
    let isp = Provider::start();
    let world = patient(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    isp.change_password("another horse");
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (1, 1));
    let world = world.account_keys("isp", &[("password", json!("another horse"))]);
    world.flush().code(0);
    assert_eq!(isp.received(), 2);
}

#[test]
fn what_a_provider_learns_to_refuse_is_refused_from_then_on() {
    let isp = Provider::start();
    let world = patient(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    isp.add(on(Verb::Rcpt).about("bob@").reply("550 5.1.1 moved away"));
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    assert!(isp.mail_to("me@isp.example").text().contains("moved away"));
}
