//! Message trouble: what a provider says of one message or recipient concerns that
//! message or recipient alone.

use serde_json::json;

use support::provider::{Provider, Verb, after_dot, greeting, on};
use support::wait::wait_for;
use support::world::World;

#[test]
fn a_refused_recipient_bounces_and_the_others_get_the_mail() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp);
    world.send_to(&["nobody@away.example", "bob@away.example"]).code(0);
    world.drain();
    assert_eq!(isp.mail_to("bob@away.example").to, ["bob@away.example"]);
    let bounce = isp.mail_to("me@isp.example");
    assert_eq!(bounce.from, "");
    assert!(bounce.text().contains("no such user"));
    assert_eq!((isp.received(), world.queued().len()), (2, 0));
}

#[test]
fn each_recipient_has_an_outcome_of_their_own() {
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("later").once().reply("450 4.2.1 mailbox busy"))
        .rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user"))
        .start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example", "later@away.example", "nobody@away.example"]).code(0);
    world.run_once();
    assert_eq!(isp.mail_to("bob@away.example").to, ["bob@away.example"]);
    let mailq = world.mailq();
    assert!(mailq.contains("later@away.example") && mailq.contains("mailbox busy"), "{mailq}");
    assert!(!mailq.contains("bob@away.example"), "who has the mail is not waited for: {mailq}");
    world.flush().code(0);
    assert_eq!(isp.mail_to("later@away.example").to, ["later@away.example"], "and only they get it now");
    assert!(isp.mails().iter().any(|mail| mail.from.is_empty()), "nobody's copy bounced");
}

#[test]
fn what_is_refused_for_now_succeeds_on_the_next_attempt() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).once().reply("450 4.2.0 greylisted")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    let mailq = world.mailq();
    assert!(mailq.contains("greylisted"), "{mailq}");
    world.run_once();
    assert_eq!(isp.count(Verb::Rcpt), 1, "nothing is due yet");
    world.flush().code(0);
    assert_eq!(isp.mail().to, ["bob@away.example"]);
    let attempts = &world.history()[0]["recipients"][0]["status"];
    assert_eq!(attempts, &json!("delivered"));
}

#[test]
fn a_runner_tries_again_by_itself() {
    let isp = Provider::setup().rule(on(Verb::Mail).first(2).reply("451 4.3.0 not now")).start();
    let world = World::at_home(&isp).queue_set("retry_min", "1s").queue_set("retry_max", "1s");
    let _runner = world.runner();
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the third attempt", || isp.received() == 1);
}

/// One message to bob with this rule: it bounces to its rewritten sender.
#[track_caller]
fn bounces(rule: support::provider::Rule, words: &str) {
    let isp = Provider::setup().rule(rule).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    let bounce = isp.mail();
    assert_eq!((bounce.from.as_str(), bounce.to.as_slice()), ("", &["me@isp.example".to_owned()][..]));
    assert!(bounce.text().contains(words), "{}", bounce.text());
}

#[test]
fn a_message_refused_for_good_bounces() {
    bounces(on(Verb::Mail).about("me@").reply("552 5.3.4 message size exceeds the limit"), "exceeds the limit");
    bounces(on(Verb::Rcpt).about("bob@").reply("553 5.1.3 bad address"), "bad address");
    bounces(on(Verb::Data).once().reply("554 5.6.0 no such content here"), "no such content");
    bounces(after_dot().about("bob@").reply("554 5.7.1 this is spam"), "this is spam");
    bounces(after_dot().about("bob@").reply("552 5.2.2 over quota"), "over quota");
}

#[test]
fn a_message_refused_for_now_waits() {
    let rules = [
        on(Verb::Mail).reply("451 4.3.0 not now"),
        on(Verb::Rcpt).reply("450 4.2.0 not now"),
        on(Verb::Data).reply("451 4.3.0 not now"),
        after_dot().reply("452 4.3.1 not now"),
    ];
    for rule in rules {
        let isp = Provider::setup().rule(rule.once()).start();
        let world = World::at_home(&isp);
        world.send_to(&["bob@away.example"]).code(0);
        world.run_once();
        assert_eq!((isp.received(), world.queued().len()), (0, 1));
        assert!(world.mailq().contains("not now"));
        assert_eq!(world.queue_json()[0]["attempts"], json!(1), "this one is charged");
        world.flush().code(0);
        assert_eq!(isp.received(), 1);
    }
}

#[test]
fn data_that_is_answered_with_a_wrong_code_sends_nothing() {
    let isp = Provider::setup().rule(on(Verb::Data).once().reply("250 2.0.0 ok")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.dots(), world.queued().len()), (0, 1));
    assert_eq!(isp.count(Verb::Other), 0, "no content was sent as commands:\n{}", isp.transcript());
}

#[test]
fn no_content_follows_when_no_recipient_was_accepted() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("bob@").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(isp.count(Verb::Other), 0, "{}", isp.transcript());
    assert!(isp.mails().iter().all(|mail| mail.from.is_empty()), "only the bounce may have gone");
}

#[test]
fn one_refused_message_does_not_hold_up_the_next() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("later@").reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(1))]);
    world.send_to(&["later@away.example"]).code(0);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.mail().to, isp.connections()), (vec!["bob@away.example".to_owned()], 1));
}

#[test]
fn a_server_that_has_enough_after_two_messages_gets_the_rest_on_new_connections() {
    let isp = Provider::setup().messages_per_connection(2).start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(1))]);
    for _ in 0..5 {
        world.send_to(&["bob@away.example"]).code(0);
    }
    wait_for("all five", || {
        world.flush();
        isp.received() == 5
    });
    assert!(world.queued().is_empty());
}

#[test]
fn the_log_says_in_postfixs_words_which_command_was_answered() {
    for (rule, words) in [
        (on(Verb::Rcpt).reply("550 5.1.1 no such user"), "550 5.1.1 no such user (in reply to RCPT TO command))"),
        (on(Verb::Rcpt).reply("451 4.3.0 later"), "451 4.3.0 later (in reply to RCPT TO command))"),
        (after_dot().reply("554 5.7.1 spam"), "554 5.7.1 spam (in reply to end of DATA command))"),
    ] {
        let isp = Provider::setup().rule(rule.once()).start();
        let world = World::at_home(&isp);
        world.send_to(&["bob@away.example"]).code(0);
        let said = world.run_once().stderr;
        assert!(said.contains(&format!(" (host 127.0.0.1[127.0.0.1] said: {words}")), "{said}");
    }
}

#[test]
fn a_warning_of_an_account_is_the_same_line_each_time_for_what_counts_lines() {
    let isp = Provider::setup().rule(greeting().reply("421 4.3.2 busy")).start();
    let world = World::at_home(&isp);
    let runner = world.runner().ready(&world);
    let warnings = || -> Vec<String> {
        let log = runner.log();
        let lines = log.lines().filter_map(|line| line.split_once("warning: account isp"));
        lines.map(|(_, text)| text.to_owned()).collect()
    };
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("a warning", || warnings().len() == 1);
    world.flush();
    wait_for("another", || warnings().len() == 2);
    assert_eq!(warnings()[0], warnings()[1]);
    assert!(runner.log().contains(": account isp: next try in "), "{}", runner.log());
}
