//! Round trips: what a message costs on a connection that is open, counted by the
//! provider in flights of replies.

use std::time::Duration;

use serde_json::{Value, json};

use support::provider::{Provider, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::World;

const MESSAGES: usize = 100;

/// Flights of replies for a hundred messages on one connection, connect to QUIT.
fn turns(isp: &Provider, keys: &[(&str, Value)]) -> usize {
    let world = World::at_home(isp).account_keys("isp", &[("max_connections", json!(1))]).account_keys("isp", keys);
    for _ in 0..MESSAGES {
        world.send_to(&["bob@away.example"]).code(0);
    }
    world.drain();
    assert_eq!((isp.received(), isp.connections(), isp.logins().len()), (MESSAGES, 1, 1));
    isp.turns()
}

#[test]
fn a_message_costs_two_round_trips_with_pipelining() {
    let isp = Provider::setup().far_away(Duration::from_millis(1)).start();
    let turns = turns(&isp, &[]);
    assert!(turns <= MESSAGES * 21 / 10, "{turns}");
}

#[test]
fn a_message_costs_one_round_trip_with_early_data() {
    let isp = Provider::setup().offers("CHUNKING").start();
    let turns = turns(&isp, &[("early_data", json!(true))]);
    assert!(turns <= MESSAGES * 11 / 10, "{turns}");
    assert_eq!(isp.count(Verb::Data), 0);
}

#[test]
fn early_content_that_nobody_may_have_goes_nowhere() {
    let isp = Provider::setup()
        .offers("CHUNKING")
        .rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user"))
        .rule(on(Verb::Mail).about("me+home@").reply("451 4.3.0 later"))
        .start();
    let world = World::at_home(&isp).account_keys("isp", &[("early_data", json!(true)), ("max_connections", json!(1))]);
    world.send_to(&["nobody@away.example"]).code(0);
    world.send_to(&["nobody@away.example", "bob@away.example"]).code(0);
    let other = "From: carol\nTo: bob@away.example\n\nlater\n";
    world.sendmail(&["-i", "-f", "carol", "--", "bob@away.example"], other).code(0);
    world.run_once();
    let got: Vec<Vec<String>> =
        isp.mails().into_iter().filter(|mail| !mail.from.is_empty()).map(|mail| mail.to).collect();
    assert_eq!(got, [["bob@away.example"]]);
    assert_eq!(isp.connections(), 1, "the connection stays good: {}", isp.transcript());
}

#[test]
fn early_content_without_a_reply_is_an_unknown_outcome() {
    let isp = Provider::setup().offers("CHUNKING").rule(after_dot().once().close()).start();
    let world = World::at_home(&isp).account_keys("isp", &[("early_data", json!(true))]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    world.run_once();
    assert_eq!((isp.dots(), world.queued().len()), (1, 1), "not tried again at once");
}

#[test]
fn no_more_messages_are_begun_in_a_minute_than_allowed_and_the_wait_can_be_ended() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_per_minute", json!(2))]);
    for _ in 0..3 {
        world.send_to(&["bob@away.example"]).code(0);
    }
    let mut runner = world.runner().ready(&world);
    wait_for("two messages", || isp.received() == 2);
    wait_for(
        "the third to be taken up",
        || matches!(&world.queue_json()[..], [third] if third["queue_name"] == "active"),
    );
    assert_eq!(isp.received(), 2, "the third waits");
    runner.signal(rustix::process::Signal::TERM);
    assert_eq!(runner.end(), Some(0));
    assert_eq!((isp.received(), world.queued().len()), (2, 1));
}
