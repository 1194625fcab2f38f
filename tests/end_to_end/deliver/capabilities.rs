//! What the server can take, and what becomes of a message that is more: 8-bit text, long
//! lines, too many recipients, reports that were asked for, addresses beyond ASCII.

use mail_parser::MessageParser;
use serde_json::json;

use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::World;

const GREETING: &str =
    "From: Alice <alice>\nTo: bob@away.example\nSubject: Gr\u{fc}\u{df}e\n\nSch\u{f6}ne Gr\u{fc}\u{df}e\n.\n";

#[track_caller]
fn send(world: &World, input: &str) -> String {
    world.sendmail(&["-i", "-f", "alice", "--", "bob@away.example"], input).code(0);
    world.run_once().stderr
}

#[test]
fn a_server_with_8bitmime_gets_the_bytes_as_they_are() {
    let isp = Provider::start();
    send(&World::at_home(&isp), GREETING);
    let mail = isp.mail();
    assert_eq!(mail.parameter("BODY"), Some("8BITMIME"));
    assert_eq!(mail.body(), "Sch\u{f6}ne Gr\u{fc}\u{df}e\r\n.\r\n".as_bytes());
    assert_eq!(mail.field("Subject"), "Gr\u{fc}\u{df}e");
}

#[test]
fn a_server_without_8bitmime_gets_ascii_that_means_the_same() {
    let isp = Provider::setup().without("8BITMIME").start();
    send(&World::at_home(&isp), GREETING);
    let mail = isp.mail();
    assert!(mail.content.is_ascii(), "{}", mail.text());
    assert_eq!((mail.parameter("BODY"), mail.field("Content-Transfer-Encoding").as_str()), (None, "quoted-printable"));
    let read = MessageParser::new().parse(&mail.content).unwrap();
    assert_eq!(read.subject(), Some("Gr\u{fc}\u{df}e"));
    assert_eq!(read.body_text(0).unwrap(), "Sch\u{f6}ne Gr\u{fc}\u{df}e\r\n.\r\n");
}

#[test]
fn what_may_not_be_converted_bounces_and_says_why() {
    let isp = Provider::setup().without("8BITMIME").start();
    let world = World::at_home(&isp);
    let signed = "From: alice\nTo: bob@away.example\nContent-Type: multipart/signed; boundary=b\n\n--b\n\nGr\u{fc}\u{df}e\n--b\n\nsig\n--b--\n";
    send(&world, signed);
    world.drain();
    let bounce = isp.mail();
    assert_eq!(bounce.from, "");
    let read = MessageParser::new().parse(&bounce.content).unwrap();
    let text = read.body_text(0).unwrap();
    assert!(text.contains("signature") && !text.contains("said"), "{text}");
    assert!(bounce.text().contains("Status: 5.6.3\r\n"), "{}", bounce.text());
}

#[test]
fn a_line_beyond_998_octets_is_encoded_and_arrives_whole() {
    let isp = Provider::start();
    let line = "z".repeat(5000);
    send(&World::at_home(&isp), &format!("From: alice\nTo: bob@away.example\n\n{line}\nend\n"));
    let mail = isp.mail();
    assert!(mail.content.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
    let read = MessageParser::new().parse(&mail.content).unwrap();
    assert_eq!(read.body_text(0).unwrap(), format!("{line}\r\nend\r\n"));
}

#[test]
fn a_message_over_the_announced_size_is_returned_without_being_sent() {
    let isp = Provider::setup().size(10_000).start();
    let world = World::at_home(&isp);
    send(&world, &format!("From: alice\nTo: bob@away.example\n\n{}", "a line of text\n".repeat(2000)));
    world.drain();
    assert_eq!(isp.mail().from, "", "only the bounce");
    assert!(isp.mail().text().contains("10000"), "{}", isp.mail().text());
}

#[test]
fn recipients_beyond_the_servers_limit_go_in_further_transactions_of_the_same_attempt() {
    let isp = Provider::setup().recipients_per_message(2).start();
    let world = World::at_home(&isp);
    let all = ["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"];
    world.send_to(&all).code(0);
    world.run_once();
    assert_eq!(world.queued().len(), 0);
    let mails = isp.mails();
    let groups: Vec<Vec<String>> = mails.iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(groups.concat(), all);
    assert_eq!((mails.len(), isp.connections()), (3, 1));
    assert!(mails.iter().all(|mail| mail.content == mails[0].content), "each got all of it");
}

#[test]
fn content_is_never_sent_uncalled_for_unless_the_account_says_so() {
    let isp = Provider::setup().offers("CHUNKING").start();
    send(&World::at_home(&isp), GREETING);
    assert_eq!((isp.received(), isp.count(Verb::Bdat), isp.count(Verb::Data)), (1, 0, 1));
}

#[test]
fn early_content_arrives_octet_for_octet_and_large_content_is_called_for() {
    let isp = Provider::setup().offers("CHUNKING").start();
    let world = World::at_home(&isp).account_keys("isp", &[("early_data", json!(true))]);
    send(&world, GREETING);
    assert_eq!(isp.mail().body(), "Sch\u{f6}ne Gr\u{fc}\u{df}e\r\n.\r\n".as_bytes());
    assert_eq!((isp.count(Verb::Bdat), isp.count(Verb::Data)), (1, 0));
    send(&world, &format!("From: alice\nTo: bob@away.example\n\n{}", "QUIT\n".repeat(20_000)));
    assert_eq!((isp.received(), isp.count(Verb::Bdat), isp.count(Verb::Data)), (2, 1, 1));
}

#[test]
fn a_server_that_offers_chunks_and_has_none_is_told_with_the_key_to_change() {
    let isp = Provider::setup().offers("CHUNKING").rule(on(Verb::Bdat).reply_and_close("502 5.5.1 what")).start();
    let world = World::at_home(&isp).account_keys("isp", &[("early_data", json!(true))]);
    let said = send(&world, GREETING);
    assert!(said.contains("early_data = false"), "{said}");
    assert_eq!((isp.received(), world.queued().len()), (0, 1), "it waits, nothing bounces");
}

#[test]
fn addresses_beyond_ascii_go_where_they_are_taken_and_bounce_elsewhere() {
    let isp = Provider::setup().offers("SMTPUTF8").start();
    let world = World::at_home(&isp);
    world.send_to(&["j\u{fc}rgen@b\u{fc}cher.example"]).code(0);
    world.run_once();
    let mail = isp.mail();
    assert_eq!(mail.to, ["j\u{fc}rgen@xn--bcher-kva.example"]);
    assert!(mail.parameters.iter().any(|parameter| parameter == "SMTPUTF8"), "{:?}", mail.parameters);

    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["j\u{fc}rgen@b\u{fc}cher.example"]).code(0);
    world.run_once();
    world.drain();
    assert!(isp.mail().text().contains("SMTPUTF8") && isp.mail().from.is_empty());

    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["info@b\u{fc}cher.example"]).code(0);
    world.run_once();
    assert_eq!(isp.mail().to, ["info@xn--bcher-kva.example"], "a domain alone needs no extension");
}

/// The row that gives the sender another address; and `senders` of the account that owns this one.
#[track_caller]
fn names_the_row_and_the_key(told: &str) {
    // A bounce may be quoted-printable.
    let plain = told.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=");
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in [
        "does not let account isp send as me@isp.example",
        "\"alice@home.lan\" = \"owner@isp.example\"",
        "`generic`",
        "`senders` of the account that owns it",
    ] {
        assert!(words.contains(word), "{word}: {told}");
    }
}

#[test]
fn a_refused_sender_is_told_with_the_row_that_mends_it_in_log_status_and_bounce() {
    for (verb, about, refusal) in [
        (Verb::Mail, "<me@", "553 5.7.1 Sender address rejected: not owned by user"),
        (Verb::Mail, "<me@", "550 5.7.60 no such rights"),
        (Verb::Rcpt, "bob", "550 5.1.8 sender address rejected"),
    ] {
        let isp = Provider::setup().rule(on(verb).about(about).reply(refusal)).start();
        let world = World::at_home(&isp).account_keys("isp", &[("senders", json!(["owner@isp.example"]))]);
        names_the_row_and_the_key(&send(&world, GREETING));
        names_the_row_and_the_key(
            &world.postrider(&["status"]).code(2).says("1 message rejected by the provider for a reason to fix").stdout,
        );
        assert_eq!((isp.received(), world.queued().len()), (0, 1));
        // When its patience is over.
        let world = world.account_keys("isp", &[("sender_grace", json!("1s"))]);
        let bounce = || isp.mails().into_iter().find(|mail| mail.text().contains("Action: failed"));
        wait_for("the bounce", || {
            world.flush();
            bounce().is_some()
        });
        names_the_row_and_the_key(&bounce().unwrap().text());
        world.drain();
        world.postrider(&["status"]).code(0);
    }
}

#[test]
fn a_providers_limit_on_what_an_account_may_send_is_told_as_such() {
    let limit = on(Verb::Mail).reply("550 5.4.5 Daily user sending limit exceeded");
    let isp = Provider::setup().rule(limit).start();
    let world = World::at_home(&isp);
    let said = send(&world, GREETING);
    assert!(said.contains("limits how much account isp may send") && !said.contains("`generic`"), "{said}");
    world.postrider(&["status"]).code(2).says("max_per_minute");
}

#[test]
fn keywords_that_the_account_discards_are_not_used_and_the_log_says_so_unless_it_must_not() {
    let isp = Provider::setup().offers("CHUNKING").offers("DSN").start();
    let keys = [("discard_ehlo_keywords", json!(["Pipelining", "DSN", "vrfy"])), ("early_data", json!(true))];
    let world = World::at_home(&isp).account_keys("isp", &keys);
    world.postrider(&["check"]).code(0);
    let said = send(&world, GREETING);
    assert_eq!((isp.received(), isp.count(Verb::Bdat), isp.mail().parameter("ENVID")), (1, 0, None), "{said}");
    assert!(!isp.transcript().contains("NOTIFY="), "{}", isp.transcript());
    let line = "discarding EHLO keywords: PIPELINING DSN";
    assert_eq!(said.matches("discarding EHLO keywords").count(), 1, "{said}");
    assert!(said.contains(line), "{said}");
    let tested = world.postrider(&["test", "isp", "-v"]).code(0).stdout;
    assert!(tested.contains(line) && tested.contains("and, discarded here, PIPELINING, DSN"), "{tested}");
    let world =
        world.account_keys("isp", &[("discard_ehlo_keywords", json!("pipelining")), ("early_data", json!(true))]);
    send(&world, GREETING);
    assert_eq!(isp.mails()[1].parameter("RET"), None);
    let quiet = json!(["8bitmime", "silent-discard"]);
    let said = send(&world.account_keys("isp", &[("discard_ehlo_keywords", quiet)]), GREETING);
    assert!(!said.contains("discarding"), "{said}");
    assert!(isp.mails()[2].content.is_ascii(), "{}", isp.mails()[2].text());
}

#[test]
fn keywords_that_nobody_knows_or_that_the_account_needs_are_errors_of_the_config() {
    let isp = Provider::start();
    for (keywords, error) in [
        (json!(["pipelining dsn"]), "lists an unknown keyword, one per element; the known ones are \"8bitmime\""),
        (json!(["starttls"]), "has \"starttls\", which the account needs"),
        (json!(["AUTH"]), "has \"auth\", and the account logs in"),
    ] {
        let world = World::at_home(&isp).account_keys("isp", &[("discard_ehlo_keywords", keywords)]);
        let said = world.postrider(&["check"]).code(78).stdout;
        let place = said.split("config.toml:").nth(1).unwrap_or_default();
        assert!(said.contains(error) && place.starts_with(|c: char| c.is_ascii_digit()), "{said}");
    }
}
