//! The list of what providers do to clients, each with the tests that show what becomes of the mail; and those of them
//! that stand nowhere else.

use std::fs;
use std::path::Path;

use serde_json::json;

use support::provider::{Provider, Rule, Setup, Verb, after_dot, greeting, handshake, on};
use support::wait::wait_for;
use support::world::World;

/// What a provider does -> the tests.
const LIST: [(&str, &[&str]); 56] = [
    ("greeting 554 or 421", &["a_greeting_that_refuses_is_the_relays_trouble"]),
    ("no greeting", &["a_server_that_says_nothing_is_given_up_in_time"]),
    ("a greeting that is not SMTP", &["a_server_that_speaks_no_smtp_is_given_up"]),
    (
        "EHLO refused",
        &["a_refused_ehlo_waits_and_says_whose_name_it_is", "a_server_that_knows_only_helo_gets_the_mail"],
    ),
    ("EHLO with a line without end", &["an_endless_line_is_given_up"]),
    ("EHLO with lines without end", &["an_endless_reply_is_given_up"]),
    ("replies that are not UTF-8, or with NUL", &["odd_bytes_in_a_reply_do_no_harm"]),
    ("replies with control characters", &["control_characters_of_a_server_reach_no_terminal"]),
    ("replies that end in a bare LF", &["replies_with_bare_line_feeds_are_read"]),
    ("replies one byte at a time", &["awkward_providers_get_the_mail_as_well"]),
    ("several replies in one segment", &["one_reply_too_many_is_not_taken_for_the_next_ones"]),
    ("STARTTLS missing", &["stripped_starttls_defers_without_any_secret"]),
    ("STARTTLS refused", &["refused_starttls_defers_without_any_secret"]),
    ("STARTTLS answered with glued bytes", &["bytes_glued_behind_the_reply_to_starttls_break_the_session"]),
    ("STARTTLS followed by garbage", &["garbage_instead_of_a_handshake_breaks_the_session"]),
    ("STARTTLS followed by silence", &["silence_instead_of_a_handshake_is_given_up_in_time"]),
    (
        "a certificate that is expired, of another name, self-signed",
        &[
            "certificates_that_do_not_verify_get_no_login",
            "a_bad_certificate_is_told_with_its_reason_and_works_once_it_is_pinned",
        ],
    ),
    ("a certificate of an unknown authority", &["an_authority_that_is_not_the_accounts_own_is_not_trusted"]),
    (
        "a certificate that is right by its fingerprint",
        &["a_bad_certificate_is_told_with_its_reason_and_works_once_it_is_pinned"],
    ),
    (
        "each AUTH mechanism alone",
        &["each_mechanism_alone_logs_in", "tokens_log_in_and_a_rejected_one_is_fetched_anew_once"],
    ),
    (
        "AUTH by certificate, and bound to the connection",
        &[
            "a_certificate_logs_in_alone_or_with_a_name_and_no_password_is_needed",
            "a_login_is_bound_to_the_connection_where_that_is_offered",
        ],
    ),
    ("only unknown mechanisms, none, AUTH=", &["where_nothing_fits_the_words_say_what_was_offered_and_what_to_change"]),
    ("AUTH=PLAIN LOGIN", &["the_safest_offered_one_is_taken"]),
    ("AUTH offered before TLS", &["a_login_that_is_offered_before_tls_is_made_after_it"]),
    (
        "a mechanism that is offered and not there",
        &["a_mechanism_that_is_offered_and_then_unknown_gives_way_to_the_next"],
    ),
    (
        "AUTH 535",
        &[
            "a_password_that_the_server_has_seen_itself_is_not_sent_again_in_another_way",
            "a_wrong_password_costs_one_failure_more_and_not_one_more_each_time",
            "a_rejected_login_is_not_hammered_but_a_changed_credential_is_tried",
        ],
    ),
    ("AUTH 454", &["a_login_refused_for_now_defers"]),
    ("the connection closed on AUTH", &["a_login_that_ends_in_a_closed_connection_waits"]),
    ("an XOAUTH2 challenge with an error", &["a_token_that_stays_wrong_is_told_and_not_tried_on_and_on"]),
    ("MAIL 451", &["a_message_refused_for_now_waits"]),
    ("MAIL 550, 551, 554", &["a_sender_refused_with_any_code_waits_for_its_owner"]),
    ("MAIL 552", &["a_message_refused_for_good_bounces"]),
    (
        "MAIL 553, the sender is not owned",
        &["a_sender_that_is_not_owned_waits_for_its_owner", "a_sender_refused_for_longer_than_its_grace_bounces"],
    ),
    ("RCPT with mixed 250, 450, 550, 452", &["mixed_replies_to_recipients_are_each_recipients_own"]),
    ("DATA 451", &["a_message_refused_for_now_waits"]),
    ("DATA 554", &["a_message_refused_for_good_bounces"]),
    ("final dot 451 or 452", &["a_message_refused_for_now_waits"]),
    ("final dot 552 or 554", &["a_message_refused_for_good_bounces"]),
    ("closed or reset after MAIL, and at any command", &["a_connection_lost_at_any_point_costs_no_message"]),
    ("closed or reset during DATA", &["a_connection_that_breaks_during_the_content_costs_no_message"]),
    (
        "closed after the dot, before the reply",
        &["no_reply_after_the_dot_is_an_unknown_outcome_not_tried_again_at_once"],
    ),
    ("reset after the dot, or silence", &["a_reset_or_silence_after_the_dot_is_as_unknown_as_a_close"]),
    (
        "no answer after the dot, again and again",
        &["three_times_no_answer_after_the_dot_hold_the_message_and_tell_its_sender"],
    ),
    ("421 at any point", &["a_421_at_any_point_costs_no_message", "a_421_to_the_final_dot_is_charged_to_the_message"]),
    ("a second connection refused", &["a_provider_that_takes_one_connection_at_a_time_gets_all_mail"]),
    ("five messages per connection", &["five_messages_per_connection_cost_a_connection_for_each_five"]),
    ("rate limit 450 4.7.1", &["a_rate_limit_defers_the_rest"]),
    ("an unsolicited 421 on an idle connection", &["a_farewell_between_two_messages_costs_neither"]),
    ("a server that reads 1 KiB in 50 ms", &["a_server_that_reads_slowly_gets_all_of_it"]),
    ("250 to DATA", &["data_that_is_answered_with_a_wrong_code_sends_nothing"]),
    ("other wrong codes", &["wrong_codes_cost_no_message_and_send_no_content"]),
    ("no PIPELINING", &["nothing_is_declared_that_was_not_offered"]),
    (
        "no 8BITMIME",
        &["a_server_without_8bitmime_gets_ascii_that_means_the_same", "what_may_not_be_converted_bounces_and_says_why"],
    ),
    ("no SMTPUTF8", &["addresses_beyond_ascii_go_where_they_are_taken_and_bounce_elsewhere"]),
    ("SIZE 10000", &["a_message_over_the_announced_size_is_returned_without_being_sent"]),
    ("a server that never answers QUIT", &["a_server_that_never_answers_quit_does_not_hold_up_the_runner"]),
];

#[test]
fn every_item_of_the_list_has_its_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/deliver");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    for (item, tests) in LIST {
        for test in tests {
            assert!(all.contains(&format!("#[test]\nfn {test}() {{")), "{item}: there is no test {test}");
        }
    }
}

/// Queues one mail and tries once: it is still queued, and nobody got anything. What was said.
#[track_caller]
fn waits(isp: &Provider, world: &World) -> String {
    world.send_to(&["bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert_eq!((isp.received(), world.queued().len()), (0, 1), "{said}\n{}", isp.transcript());
    said
}

/// The mail is still there, and one flush later it is at the provider, once.
#[track_caller]
fn arrives_at_the_second_attempt(isp: &Provider, world: &World) {
    waits(isp, world);
    world.flush().code(0);
    assert_eq!((isp.received(), world.queued().len()), (1, 0), "{}", isp.transcript());
}

fn keys(setup: Setup, keys: &[(&str, serde_json::Value)]) -> (Provider, World) {
    let isp = setup.start();
    let world = World::at_home(&isp).account_keys("isp", keys);
    (isp, world)
}

#[test]
fn a_refused_ehlo_waits_and_says_whose_name_it_is() {
    let (isp, world) = keys(Provider::setup().rule(on(Verb::Ehlo).reply("550 5.7.1 what a name")), &[]);
    let said = waits(&isp, &world);
    assert!(said.contains("what a name"), "{said}");
    assert_eq!((isp.count(Verb::Ehlo), isp.count(Verb::Helo), isp.count(Verb::Mail)), (1, 0, 0), "HELO has no TLS");
    world.postrider(&["test"]).code(78).says("hostname");
}

#[test]
fn a_server_that_knows_only_helo_gets_the_mail() {
    let setup = Provider::setup().plaintext().rule(on(Verb::Ehlo).reply("502 5.5.1 what is that"));
    // It wants no login, and there is none over HELO.
    let setup = setup.rule(on(Verb::Mail).reply("250 ok"));
    let none = json!(null);
    let without = [("tls", json!("none")), ("tls_ca", none.clone()), ("username", none.clone()), ("password", none)];
    let (isp, world) = keys(setup, &without);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    isp.forgive();
    assert_eq!(
        (isp.mail().to, isp.count(Verb::Ehlo), isp.count(Verb::Helo)),
        (vec!["bob@away.example".to_owned()], 1, 1)
    );
    assert_eq!(isp.mail().parameters, Vec::<String>::new());
}

#[test]
fn replies_with_bare_line_feeds_are_read() {
    let setup = Provider::setup()
        .rule(greeting().say(b"220 scripted.example ESMTP\n"))
        .rule(on(Verb::Mail).say(b"250-2.1.0 well\n250 2.1.0 ok\n"))
        .rule(after_dot().say(b"250 2.0.0 queued\n"));
    let (isp, world) = keys(setup, &[]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (1, 0));
}

#[test]
fn one_reply_too_many_is_not_taken_for_the_next_ones() {
    // MAIL is answered twice: the second would be RCPT's, and RCPT's refusal DATA's.
    let setup = Provider::setup()
        .rule(on(Verb::Mail).once().say(b"250 2.1.0 ok\r\n250 2.1.0 ok\r\n"))
        .rule(on(Verb::Rcpt).once().reply("550 5.1.1 no such user"));
    let (isp, world) = keys(setup, &[]);
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    assert_eq!(isp.count(Verb::Other), 0, "no content went out as commands:\n{}", isp.transcript());
    assert!(isp.mails().iter().all(|mail| mail.from.is_empty()), "nobody got what nobody was to get");
}

#[test]
fn silence_instead_of_a_handshake_is_given_up_in_time() {
    let (isp, world) = keys(Provider::setup().rule(handshake().once().silence()), &[("timeout", json!("1s"))]);
    arrives_at_the_second_attempt(&isp, &world);
    assert!(!isp.heard_in_clear().contains("AUTH"));
}

#[test]
fn a_login_that_is_offered_before_tls_is_made_after_it() {
    let (isp, world) = keys(Provider::setup().offers_in_clear("AUTH PLAIN LOGIN"), &[]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert!(isp.mail().tls && isp.logins().len() == 1);
    assert!(!isp.heard_in_clear().contains("AUTH"), "{}", isp.heard_in_clear());
}

#[test]
fn a_sender_refused_with_any_code_waits_for_its_owner() {
    for text in ["550 5.7.1 not yours", "551 5.7.1 not yours", "554 5.7.1 not yours"] {
        let (isp, world) = keys(Provider::setup().rule(on(Verb::Mail).once().reply(text)), &[]);
        let said = waits(&isp, &world);
        assert!(said.contains("does not let account isp send as me@isp.example"), "{said}");
        assert_eq!((isp.count(Verb::Mail), isp.dots()), (1, 0), "asked once, and no content");
        world.flush().code(0);
        assert_eq!(isp.mail().to, ["bob@away.example"]);
    }
}

#[test]
fn mixed_replies_to_recipients_are_each_recipients_own() {
    let setup = Provider::setup()
        .rule(on(Verb::Rcpt).about("later").once().reply("450 4.2.1 mailbox busy"))
        .rule(on(Verb::Rcpt).about("full").once().reply("452 4.2.2 mailbox full"))
        .rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user"));
    let (isp, world) = keys(setup, &[]);
    world.send_to(&["bob@a.example", "later@a.example", "nobody@a.example", "full@a.example"]).code(0);
    world.run_once();
    assert_eq!(isp.mail_to("bob@a.example").to, ["bob@a.example"]);
    let waiting = world.queue_json().iter().map(|entry| entry["recipients"].as_array().unwrap().len()).sum::<usize>();
    assert_eq!(waiting, 2, "{}", world.mailq());
    world.flush().code(0);
    world.drain();
    assert_eq!(isp.mail_to("full@a.example").to, ["later@a.example", "full@a.example"], "together, and only they");
    let bounce = isp.mail_to("me@isp.example").text();
    assert!(bounce.contains("no such user") && !bounce.contains("mailbox"), "{bounce}");
    assert_eq!(isp.received(), 3, "bob's copy went once");
}

#[test]
fn a_reset_or_silence_after_the_dot_is_as_unknown_as_a_close() {
    for rule in [after_dot().once().reset(), after_dot().once().silence()] {
        let (isp, world) = keys(Provider::setup().rule(rule), &[("timeout", json!("2s"))]);
        waits(&isp, &world);
        world.run_once();
        assert_eq!(isp.dots(), 1, "not tried again within the hour");
        world.flush().code(0);
        assert_eq!(isp.unanswered()[0].field("Message-ID"), isp.mail().field("Message-ID"));
    }
}

#[test]
fn three_times_no_answer_after_the_dot_hold_the_message_and_tell_its_sender() {
    let (isp, world) = keys(Provider::setup().rule(after_dot().close()), &[]);
    waits(&isp, &world);
    world.flush();
    world.flush();
    isp.behave();
    world.flush();
    let notice = isp.mail();
    assert_eq!((notice.from.as_str(), notice.to.as_slice()), ("", ["me@isp.example".to_owned()].as_slice()));
    for words in ["perhaps more than once", "postrider queue release", "bob@away.example"] {
        assert!(notice.text().contains(words), "{}", notice.text());
    }
    assert!(world.mailq().contains('!'), "held: {}", world.mailq());
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (1, 1), "held, and told once");
    let world = world.queue_set("lifetime", "1s");
    wait_for("the end of the hold", || {
        world.run_once();
        world.queued().is_empty()
    });
    world.postrider(&["queue", "list", "--failed"]).code(0).says("held for longer than `lifetime`");
    assert_eq!(isp.received(), 1);
}

#[test]
fn a_421_to_the_final_dot_is_charged_to_the_message() {
    let setup = Provider::setup().rule(after_dot().once().reply_and_close("421 4.3.0 going down"));
    let (isp, world) = keys(setup, &[]);
    arrives_at_the_second_attempt(&isp, &world);
    assert_eq!((isp.dots(), isp.received()), (2, 1), "it was refused, not unknown");
    let (isp, world) = keys(Provider::setup().rule(on(Verb::Auth).once().reply_and_close("421 4.3.0 going down")), &[]);
    arrives_at_the_second_attempt(&isp, &world);
}

#[test]
fn five_messages_per_connection_cost_a_connection_for_each_five() {
    let (isp, world) = keys(
        Provider::setup().messages_per_connection(5),
        &[("max_connections", json!(1)), ("max_messages_per_connection", json!(5))],
    );
    for _ in 0..12 {
        world.send_to(&["bob@away.example"]).code(0);
    }
    world.drain();
    assert_eq!((isp.received(), isp.connections(), isp.count(Verb::Mail)), (12, 3, 12), "it never had to say 421");
    // Who does not know the limit runs into it, and loses nothing.
    let (isp, world) = keys(Provider::setup().messages_per_connection(5), &[("max_connections", json!(1))]);
    for _ in 0..12 {
        world.send_to(&["bob@away.example"]).code(0);
    }
    wait_for("all twelve", || {
        world.flush();
        isp.received() >= 12
    });
    assert_eq!((isp.received(), world.queued().len()), (12, 0));
}

#[test]
fn a_server_that_reads_slowly_gets_all_of_it() {
    let setup = Provider::setup().reading_slowly(std::time::Duration::from_millis(50));
    // Each step forward has its time; there is no limit for the whole.
    let (isp, world) = keys(setup, &[("timeout", json!("5s")), ("timeouts", json!({"block": "1s", "final": "30s"}))]);
    let input = format!("From: alice\nTo: bob@away.example\n\n{}", "a line of some length for the slow\n".repeat(1200));
    world.sendmail(&["-i", "-f", "alice", "--", "bob@away.example"], input).code(0);
    let said = world.run_once().stderr;
    assert_eq!(isp.received(), 1, "{said}");
    assert_eq!((isp.mail().body().len(), isp.dots(), isp.connections()), (36 * 1200, 1, 1));
}

/// Played once; the mail waits, no content went out, and the next attempt brings it.
#[track_caller]
fn costs_nothing(rule: Rule) {
    let (isp, world) = keys(Provider::setup().rule(rule.once()), &[("timeout", json!("2s"))]);
    waits(&isp, &world);
    assert_eq!((isp.count(Verb::Other), isp.dots()), (0, 0), "{}", isp.transcript());
    world.flush().code(0);
    assert_eq!(isp.received(), 1);
    isp.forgive();
}

#[test]
fn wrong_codes_cost_no_message_and_send_no_content() {
    costs_nothing(greeting().reply("354 go on"));
    costs_nothing(on(Verb::Ehlo).reply("354 go on"));
    costs_nothing(on(Verb::StartTls).reply("250 ok"));
    costs_nothing(on(Verb::Auth).reply("354 go on"));
    costs_nothing(on(Verb::Mail).reply("354 go on"));
    costs_nothing(on(Verb::Rcpt).reply("354 go on"));
    costs_nothing(on(Verb::Data).reply("220 what"));
}

#[test]
fn a_354_to_the_final_dot_says_nothing_of_the_mail() {
    let (isp, world) = keys(Provider::setup().rule(after_dot().once().reply("354 once more")), &[]);
    waits(&isp, &world);
    world.run_once();
    assert_eq!(isp.dots(), 1, "unknown: not before an hour");
}
