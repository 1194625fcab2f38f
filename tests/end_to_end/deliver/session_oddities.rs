//! Servers that offer more after the login, limit a session, refuse parameters that they offer, or choose unusual
//! codes: the mail goes out all the same.

use serde_json::json;

use support::provider::{Mail, Provider, Rule, Setup, Verb, after_dot, greeting, on};
use support::world::World;

#[track_caller]
fn delivered(setup: Setup) -> (Provider, Mail) {
    let isp = setup.start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert_eq!((isp.received(), world.queued().len()), (1, 0), "{said}\n{}", isp.transcript());
    let mail = isp.mail();
    (isp, mail)
}

#[test]
fn what_is_offered_after_the_login_takes_the_place_of_what_was_offered_before() {
    let lines = ["PIPELINING", "SIZE 100000", "8BITMIME", "SMTPUTF8", "DSN"];
    let setup = || Provider::setup().offers_after_login(&lines);
    let isp = setup().start();
    let world = World::at_home(&isp);
    let input = "From: alice\nTo: j\u{f6}rg@away.example\n\nhello\n";
    world.sendmail(&["-i", "-f", "alice", "--", "j\u{f6}rg@away.example"], input).code(0);
    world.drain();
    assert_eq!(isp.mail().to, ["j\u{f6}rg@away.example"], "{}", isp.transcript());
    // The smaller SIZE counts as well.
    let isp = setup().start();
    let world = World::at_home(&isp);
    world
        .sendmail(
            &["-i", "-f", "alice", "--", "bob@away.example"],
            format!("x: y\n\n{}", "0123456789\n".repeat(10_000)),
        )
        .code(0);
    world.drain();
    assert!(isp.mails().iter().all(|mail| mail.from.is_empty()), "{}", isp.transcript());
    assert_eq!(isp.received(), 1, "only the bounce");
}

#[test]
fn a_server_that_refuses_to_be_greeted_again_keeps_its_first_offer() {
    for reply in ["503 5.5.1 duplicate EHLO", "502 5.5.1 no", "451 4.3.0 later"] {
        let (isp, _) = delivered(Provider::setup().rule(on(Verb::Ehlo).nth_and_later(3).reply(reply)));
        assert_eq!(isp.connections(), 1);
    }
}

#[test]
fn no_session_holds_more_messages_than_the_server_allows() {
    let isp = Provider::setup().offers("LIMITS MAILMAX=2 RCPTMAX=100").start();
    let world = World::at_home(&isp);
    for _ in 0..5 {
        world.send_to(&["bob@away.example"]).code(0);
    }
    world.run_once();
    assert_eq!((isp.received(), isp.connections(), isp.count(Verb::Mail)), (5, 3, 5), "{}", isp.transcript());
    assert_eq!(isp.count(Verb::Quit), 3, "each ends in order");
}

#[test]
fn no_transaction_holds_more_recipients_or_domains_than_the_server_allows() {
    let to = ["a@one.example", "b@two.example", "c@one.example", "d@two.example", "e@one.example"];
    for (limits, transactions) in [("LIMITS RCPTMAX=2", 3), ("LIMITS RCPTDOMAINMAX=1", 2)] {
        let isp = Provider::setup().offers(limits).start();
        let world = World::at_home(&isp);
        world.send_to(&to).code(0);
        world.run_once();
        let mut all: Vec<String> = isp.mails().into_iter().flat_map(|mail| mail.to).collect();
        all.sort();
        assert_eq!((isp.received(), isp.connections()), (transactions, 1), "{limits}");
        assert_eq!(all.len(), 5, "{limits}: each once");
    }
}

fn with_dsn() -> Setup {
    Provider::setup().offers("DSN")
}

#[test]
fn a_parameter_that_is_offered_and_refused_is_left_out_for_the_rest_of_the_session() {
    for (verb, about, reply) in [
        (Verb::Mail, "SIZE=", "501 5.5.4 Syntax error in parameters: SIZE"),
        (Verb::Mail, "SIZE=", "555 5.5.4 Unsupported option: SIZE"),
        (Verb::Mail, "RET=", "504 5.5.4 RET not implemented"),
        (Verb::Mail, "SIZE=", "500 5.5.2 Syntax error"),
        (Verb::Mail, "SIZE=", "500 Syntax error, command unrecognized"),
        (Verb::Mail, "SIZE=", "502 5.5.1 Command not implemented"),
        (Verb::Mail, "BODY=", "501 Syntax error"),
        (Verb::Mail, "BODY=", "554 5.6.3 8BITMIME not supported"),
        (Verb::Rcpt, "NOTIFY=", "500 5.5.2 Syntax error"),
        (Verb::Rcpt, "ORCPT=", "555 5.5.4 Unsupported option: ORCPT"),
        (Verb::Rcpt, "NOTIFY=", "501 5.5.4 malformed address: NOTIFY=NEVER may not follow"),
    ] {
        let isp = with_dsn().rule(on(verb).about(about).reply(reply)).start();
        let world = World::at_home(&isp);
        for _ in 0..2 {
            let args =
                ["-i", "-f", "alice", "-R", "hdrs", "-N", "never", "--", "bob@away.example", "carol@away.example"];
            world.sendmail(&args, "Subject: x\n\nh\u{e4}llo\n").code(0);
        }
        let said = world.run_once().stderr;
        assert_eq!((isp.received(), world.queued().len()), (2, 0), "{reply}: {said}\n{}", isp.transcript());
        let refused = isp.transcript().lines().filter(|line| line.contains(about)).count();
        assert!(refused <= 2, "only in the first message: {}", isp.transcript());
        assert_eq!(isp.connections(), 1);
    }
}

#[test]
fn a_recipient_refused_with_its_parameters_goes_into_another_transaction_and_nobody_gets_two_copies() {
    let isp = with_dsn().rule(on(Verb::Rcpt).about("bob").once().reply("555 5.5.4 Unsupported option: ORCPT")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example", "carol@away.example"]).code(0);
    world.run_once();
    let mut to: Vec<String> = isp.mails().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["bob@away.example", "carol@away.example"], "{}", isp.transcript());
}

#[test]
fn a_refused_parameter_is_left_out_also_where_the_rest_of_the_transaction_was_answered_as_if_it_were_not() {
    let size = || on(Verb::Mail).about("SIZE=").reply("501 5.5.4 Syntax error in parameters: SIZE");
    let accepted = || on(Verb::Rcpt).once().reply("250 2.1.5 ok");
    let orcpt = || on(Verb::Rcpt).about("ORCPT=").reply("555 5.5.4 Unsupported option: ORCPT");
    for (parameter, rules) in [("SIZE=", vec![size()]), ("SIZE=", vec![size(), accepted()]), ("ORCPT=", vec![orcpt()])]
    {
        let setup = rules.into_iter().fold(with_dsn(), Setup::rule);
        let isp = setup.rule(on(Verb::Data).once().reply("354 go on")).start();
        let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(1))]);
        for to in ["bob@away.example", "carol@away.example"] {
            world.send_to(&[to]).code(0);
        }
        world.run_once();
        // An empty message ends what the server asked for without a recipient.
        let (whole, empty): (Vec<_>, Vec<_>) =
            isp.mails().into_iter().partition(|mail| mail.text().contains("The text."));
        assert_eq!((whole.len(), world.queued().len()), (2, 0), "{}", isp.transcript());
        assert!(empty.iter().all(|mail| mail.to.is_empty()), "{}", isp.transcript());
        let refused = isp.transcript().lines().filter(|line| line.contains(parameter)).count();
        assert_eq!((refused, isp.connections()), (1, 2), "{}", isp.transcript());
        isp.forgive();
    }
}

#[test]
fn a_code_like_a_refused_parameter_without_any_bounces_once_and_not_for_ever() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("bob").reply("555 5.5.4 Unsupported option")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    assert_eq!(isp.mail().from, "", "only the bounce: {}", isp.transcript());
}

#[test]
fn a_syntax_error_in_reply_to_mail_without_parameters_ends_the_session() {
    let isp = Provider::setup()
        .without("SIZE")
        .without("8BITMIME")
        .rule(on(Verb::Mail).once().reply("500 5.5.2 Syntax error"))
        .start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.received(), isp.connections()), (1, 2), "{}", isp.transcript());
}

#[test]
fn nothing_is_sent_behind_mail_once_it_was_refused_in_the_session() {
    let isp = Provider::setup().rule(on(Verb::Mail).about("me+home@").reply("550 5.7.1 not yours")).start();
    let world =
        World::at_home(&isp).account_keys("isp", &[("sender_grace", json!("1h")), ("max_connections", json!(1))]);
    for _ in 0..3 {
        let input = "From: carol\nTo: bob@away.example\n\nhello\n";
        world.sendmail(&["-i", "-f", "carol", "--", "bob@away.example"], input).code(0);
    }
    world.run_once();
    assert_eq!(isp.connections(), 1);
    assert_eq!(
        (isp.count(Verb::Mail), isp.count(Verb::Rcpt), isp.count(Verb::Data)),
        (3, 1, 1),
        "{}",
        isp.transcript()
    );
}

#[test]
fn content_sent_by_bdat_holds_the_blank_line_that_ends_the_header() {
    let isp = Provider::setup().offers("CHUNKING").start();
    let world = World::at_home(&isp).account_keys("isp", &[("early_data", json!(true))]);
    world.sendmail(&["-i", "-f", "alice", "--", "bob@away.example"], "From: alice\nSubject: no body\n").code(0);
    world.run_once();
    let mail = isp.mail();
    assert!(mail.content.ends_with(b"\r\n\r\n"), "{:?}", mail.text());
    assert_eq!(isp.count(Verb::Bdat), 1);
}

#[test]
fn an_unusual_code_goes_by_its_first_digit_at_every_step() {
    let rules: Vec<Rule> = vec![
        greeting().reply("250 scripted.example at your service"),
        on(Verb::Ehlo).nth(2).reply("220-scripted.example\n220-PIPELINING\n220 AUTH PLAIN"),
        on(Verb::Data).reply("351 go on"),
        on(Verb::Mail).reply("252 2.1.0 perhaps"),
        on(Verb::Rcpt).reply("219 2.1.5 ok"),
        after_dot().reply("299 2.0.0 queued"),
    ];
    for rule in rules {
        delivered(Provider::setup().rule(rule));
    }
}

#[test]
fn a_final_reply_of_any_length_is_read_to_its_end_and_its_code_counts() {
    let long = "x".repeat(5000);
    let lines = "250-2.0.0 one more line\r\n".repeat(300);
    for reply in [
        format!("250 2.0.0 queued {long}\r\n"),
        format!("250-2.0.0 {long}\r\n250 2.0.0 ok\r\n"),
        format!("{lines}250 2.0.0 ok\r\n"),
    ] {
        let (isp, _) = delivered(Provider::setup().rule(after_dot().say(reply.as_bytes())));
        assert_eq!(isp.dots(), 1);
    }
    let isp = Provider::setup().rule(after_dot().once().reply(&format!("554 5.7.1 spam {long}"))).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    assert!(isp.mail().text().contains("spam"), "it bounces, with the beginning of the words");
}
