//! What a bounce says, and what becomes of mail that cannot be returned.

use std::fs;

use mail_parser::MimeHeaders as _;
use support::provider::{Mail, Provider, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::World;

const INPUT: &str =
    "From: alice\nTo: nobody@away.example\nSubject: lost and found\nMessage-ID: <the-original@home.lan>\n\nThe text.\n";

fn the_bounce() -> Mail {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here")).start();
    let world = World::at_home(&isp);
    world.sendmail(&["-i", "-f", "alice", "nobody@away.example"], INPUT).code(0);
    world.drain();
    isp.mail()
}

#[test]
fn a_bounce_is_a_report_that_programs_understand() {
    let bounce = the_bounce();
    assert_eq!((bounce.from.as_str(), bounce.to.as_slice()), ("", &["me@isp.example".to_owned()][..]));
    let kind = bounce.field("Content-Type");
    assert!(
        kind.starts_with("multipart/report") && kind.contains("report-type=") && kind.contains("delivery-status"),
        "{kind}"
    );
    assert!(bounce.field("Auto-Submitted").starts_with("auto-"), "{}", bounce.header());
    assert!(bounce.field("To").contains("me@isp.example"));
    let text = bounce.text();
    for wanted in [
        "Content-Type: message/delivery-status",
        "Reporting-MTA: dns; homebox.home.lan",
        "Final-Recipient: rfc822; nobody@away.example",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user here",
    ] {
        assert!(text.contains(wanted), "{wanted:?} in:\n{text}");
    }
}

#[test]
fn a_bounce_tells_a_person_what_happened_to_which_mail() {
    let text = the_bounce().text();
    let words = text.split("message/delivery-status").next().unwrap();
    assert!(words.contains("nobody@away.example") && words.contains("no such user here"), "{words}");
    assert!(
        text.contains("Subject: lost and found") && text.contains("<the-original@home.lan>"),
        "the original's header:\n{text}"
    );
    assert!(text.contains("The text."), "and its text, which may be nowhere else");
}

#[test]
fn a_bounce_has_the_header_alone_where_that_is_asked_for_or_the_message_is_large() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here")).start();
    let world = World::at_home(&isp).queue_set("bounce_size", "1KB");
    world.sendmail(&["-i", "-R", "hdrs", "-f", "alice", "nobody@away.example"], INPUT).code(0);
    world.sendmail(&["-i", "-f", "alice", "nobody@away.example"], format!("{INPUT}{}", "x\n".repeat(600))).code(0);
    world.drain();
    assert_eq!(isp.received(), 2);
    for bounce in isp.mails() {
        let text = bounce.text();
        assert!(text.contains("Subject: lost and found") && !text.contains("The text."), "{text}");
    }
    assert_eq!(isp.mails().iter().filter(|mail| mail.text().contains("is kept on this machine")).count(), 1);
}

#[test]
fn mail_that_is_too_large_to_be_returned_is_kept_and_can_be_sent_again() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here")).start();
    let world = World::at_home(&isp).queue_set("bounce_size", "1KB");
    let recipients = ["friend@away.example", "nobody1@away.example", "nobody2@away.example"];
    let large = format!("{INPUT}{}", "x\n".repeat(600));
    world.sendmail(&[&["-i", "-f", "alice"], &recipients[..]].concat(), large).code(0);
    world.drain();
    let bounce = isp.mails().into_iter().find(|mail| mail.from.is_empty()).expect("a bounce").text();
    let retry = bounce.lines().find(|line| line.contains("queue retry")).expect("the way back");
    let id = retry.split_whitespace().nth(3).expect("the id in it").trim_end_matches(['`', '.']).to_owned();
    assert!(bounce.contains("for 90 days") && bounce.contains("the administrator can"), "{bounce}");
    let status = world.postrider(&["status"]).code(1).stdout;
    assert!(status.contains("failed/"), "{status}");
    assert!(world.postrider(&["queue", "show", "--body", &id]).code(0).stdout.contains("The text."));
    isp.behave();
    world.postrider(&["queue", "retry", &id]).code(0);
    world.flush().code(0);
    let whole: Vec<Mail> = isp.mails().into_iter().filter(|mail| mail.text().contains("The text.")).collect();
    let to: Vec<&str> = whole.iter().flat_map(|mail| mail.to.iter().map(String::as_str)).collect();
    assert_eq!(to, recipients, "whoever has it does not get it twice");
    assert!(world.spool("failed").is_empty() && world.spool("queue").is_empty());
}

#[test]
fn nothing_is_kept_of_large_mail_whose_sender_wants_no_failure_reports() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here")).start();
    let world = World::at_home(&isp).queue_set("bounce_size", "1KB");
    let large = format!("{INPUT}{}", "x\n".repeat(600));
    world.sendmail(&["-i", "-N", "never", "-f", "alice", "nobody@away.example"], large).code(0);
    world.drain();
    assert_eq!((isp.received(), world.spool("failed").len()), (0, 0), "{:?}", world.spool("failed"));
}

#[test]
fn a_message_with_a_line_that_is_too_long_comes_back_whole_as_a_file() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here")).start();
    let world = World::at_home(&isp);
    let long = format!("{INPUT}{}\n", "long ".repeat(400));
    world.sendmail(&["-i", "-f", "alice", "nobody@away.example"], &long).code(0);
    world.drain();
    let bounce = isp.mail();
    let raw = bounce.text();
    assert!(raw.contains("attachment; filename=\"message.eml\""), "{raw}");
    let parsed = mail_parser::MessageParser::default().parse(raw.as_bytes()).expect("a message");
    let is_file = |part: &&mail_parser::MessagePart| part.attachment_name() == Some("message.eml");
    let file = parsed.attachments().find(is_file).expect("the file");
    let returned = String::from_utf8_lossy(file.contents()).into_owned();
    assert!(returned.contains(&"long ".repeat(400)) && returned.contains("Subject: lost and found"), "{returned}");
    assert!(world.spool("failed").is_empty());
}

#[test]
fn a_bounce_whose_text_is_refused_goes_once_more_without_it_and_the_text_is_kept() {
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here"))
        .rule(after_dot().once().reply("554 5.7.1 this looks like spam"))
        .start();
    let world = World::at_home(&isp);
    world.sendmail(&["-i", "-f", "alice", "nobody@away.example"], INPUT).code(0);
    world.drain();
    let bounce = isp.mail();
    assert_eq!(bounce.to, ["me@isp.example"]);
    let text = bounce.text();
    assert!(text.contains("no such user here") && text.contains("Subject: lost and found"), "{text}");
    assert!(!text.contains("The text."), "{text}");
    let kept: Vec<String> = world
        .spool("failed")
        .iter()
        .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned())
        .collect();
    assert!(kept.iter().any(|text| text.contains("The text.")), "{kept:?}");
    // The way back: the provider takes it now.
    world.postrider(&["queue", "retry", "--failed"]).code(0);
    world.flush().code(0);
    assert!(isp.mails().iter().any(|mail| mail.text().contains("The text.")), "{:?}", world.spool("failed"));
}

#[test]
fn a_bounce_that_is_too_large_for_the_provider_goes_once_more_without_the_text() {
    let refused = Provider::setup().rule(after_dot().once().reply("552 5.3.4 message too large"));
    // By its reply after the dot, or by what it announced before.
    for setup in [refused, Provider::setup().offers("SIZE 4000")] {
        let isp = setup.rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here")).start();
        let world = World::at_home(&isp);
        let input = format!("Subject: lost and found\n\n{}", "The text, in many lines.\n".repeat(100));
        world.sendmail(&["-i", "-f", "alice", "nobody@away.example"], &input).code(0);
        world.drain();
        let bounces: Vec<Mail> = isp.mails().into_iter().filter(|mail| mail.to == ["me@isp.example"]).collect();
        let texts: Vec<String> = bounces.iter().map(Mail::text).collect();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(texts[0].contains("no such user here") && texts[0].contains("Subject: lost and found"), "{texts:?}");
        assert!(!texts[0].contains("in many lines"), "{texts:?}");
        let kept: Vec<Vec<u8>> = world.spool("failed").iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(kept.iter().any(|text| String::from_utf8_lossy(text).contains("in many lines")), "the text is kept");
    }
}

#[test]
fn a_returned_header_that_looks_like_a_returned_message_is_not_taken_for_one() {
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here"))
        .rule(after_dot().reply("554 5.7.1 this looks like spam"))
        .start();
    let world = World::at_home(&isp);
    let forwarded = "Content-Type: message/rfc822\nX-Last: here\nSubject: fwd\n\nSubject: inner\n\nThe text.\n";
    world.sendmail(&["-i", "-R", "hdrs", "-f", "alice", "nobody@away.example"], forwarded).code(0);
    world.drain();
    let transcript = isp.transcript();
    let tries = transcript.matches("RCPT TO:<me@isp.example>").count();
    assert_eq!(tries, 1, "without a text there is nothing to leave out\n{transcript}");
    let kept: Vec<Vec<u8>> = world.spool("failed").iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(kept.iter().any(|text| String::from_utf8_lossy(text).contains("X-Last: here")), "{kept:?}");
}

#[test]
fn what_is_our_own_decision_is_not_told_as_the_servers_words() {
    let isp = Provider::setup().offers("SIZE 2000").start();
    let world = World::at_home(&isp).queue_set("bounce_size", "1KB");
    world.sendmail(&["-i", "-f", "alice", "bob@away.example"], format!("{INPUT}{}", "x\n".repeat(2000))).code(0);
    let said = world.drain().stderr;
    let text = isp.mail().text();
    assert!(text.contains("bytes; the server accepts at most 2000"), "{text}");
    assert!(text.contains("Diagnostic-Code: X-Postrider; the message has"), "{text}");
    assert!(text.contains("Status: 5.3.4\r\n"), "{text}");
    assert!(!text.contains("said:") && !text.contains("Remote-MTA") && !text.contains("smtp; 552"), "{text}");
    assert!(said.contains("dsn=5.3.4, status=bounced (the message has"), "{said}");
    let server = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here")).start();
    let world = World::at_home(&server);
    world.send_to(&["nobody@away.example"]).code(0);
    world.drain();
    let text = server.mail().text();
    assert!(text.contains("Remote-MTA: dns; [127.0.0.1]\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user"), "{text}");
}

#[test]
fn a_retry_tries_who_was_not_returned_also_where_somebody_else_was() {
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("anna").reply("550 5.1.1 no such user"))
        .rule(on(Verb::Rcpt).about("bert").once().reply("451 4.3.0 later"))
        .rule(on(Verb::Rcpt).about("bert").once().reply("550 5.1.1 no such user"))
        .start();
    let world = World::new().account("isp", &isp).generic(&[("@home.lan", "me@isp.example")]);
    world.send_to(&["anna@away.example", "bert@away.example"]).code(0);
    let id = world.queued().pop().unwrap();
    world.run_once();
    let world = world.generic(&[("@old.lan", "me@isp.example")]);
    wait_for("it to be set aside", || {
        world.flush();
        world.queued().is_empty()
    });
    world.postrider(&["queue", "retry", &id]).code(0);
    world.flush().code(0);
    assert_eq!(isp.mail_to("bert@away.example").to, ["bert@away.example"]);
    assert!(world.spool("failed").is_empty());
}

#[test]
fn several_refused_recipients_come_back_in_one_bounce() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("away.example").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp);
    world.send_to(&["nobody@away.example", "noone@away.example"]).code(0);
    world.drain();
    let text = isp.mail().text();
    assert_eq!(text.matches("Final-Recipient:").count(), 2, "{text}");
}

#[test]
fn the_bounce_belongs_to_the_account_of_the_mail() {
    let (his, hers) =
        (Provider::start(), Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 no")).start());
    let world = World::new()
        .generic(&[("her@home.lan", "her@isp.example")])
        .account("his", &his)
        .account_with("hers", &hers, &[("senders", serde_json::json!(["her@home.lan"]))])
        .set("default_account", "his");
    world.sendmail(&["-f", "her", "nobody@away.example"], "Subject: x\n\n").code(0);
    world.drain();
    assert_eq!((his.received(), hers.mail().to), (0, vec!["her@isp.example".to_owned()]));
}

#[test]
fn mail_to_nobody_on_this_machine_comes_back() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp).generic(&[("alice@home.lan", "me@isp.example")]);
    world.send_to(&["bob@away.example", "no-such-login-here"]).code(0);
    world.drain();
    assert_eq!(isp.mail_to("bob@away.example").to, ["bob@away.example"]);
    let bounce = isp.mail_to("me@isp.example").text();
    assert!(
        bounce.contains("no-such-login-here@home.lan") && bounce.contains("generic"),
        "it names the row:\n{bounce}"
    );
}

#[test]
fn mail_to_root_waits_for_the_row_that_gives_it_an_address_whoever_sends_it() {
    let isp = Provider::start();
    // The rows are for the name that the machine had before.
    let world = World::new().account("isp", &isp).generic(&[("@old.lan", "me@isp.example")]);
    world.sendmail(&["root"], "Subject: cron\n\nBODY\n").code(0);
    world.send_to(&["postmaster", "bob@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert_eq!((isp.mail().to, world.queued().len()), (vec!["bob@away.example".to_owned()], 2), "{said}");
    world
        .postrider(&["status"])
        .code(2)
        .says("1 message to a local user for whom no address is known")
        .says("\"root@home.lan\" = \"you@provider.example\"")
        .says("\"postmaster@home.lan\" = \"you@provider.example\"");
    let world = world.generic(&[("@home.lan", "me@isp.example")]);
    world.flush().code(0);
    assert_eq!((isp.received(), world.queued().len()), (3, 0));
    assert!(isp.mails().iter().any(|mail| mail.text().contains("BODY")));
}

#[test]
fn mail_to_root_that_nobody_gives_an_address_is_kept_whole_after_its_lifetime() {
    let isp = Provider::start();
    let world =
        World::new().account("isp", &isp).generic(&[("@old.lan", "me@isp.example")]).queue_set("lifetime", "1s");
    world.sendmail(&["root"], "Subject: cron\n\nBODY\n").code(0);
    let id = world.queued().pop().unwrap();
    wait_for("it to be set aside", || {
        world.flush();
        world.queued().is_empty()
    });
    let world = world.queue_set("lifetime", "5d").generic(&[("@home.lan", "me@isp.example")]);
    world.postrider(&["queue", "retry", &id]).code(0);
    world.flush().code(0);
    assert!(isp.mail().text().contains("BODY"));
}

#[test]
fn mail_to_root_that_nobody_gives_an_address_has_a_delay_notice() {
    let isp = Provider::start();
    let world = World::new()
        .account("isp", &isp)
        .generic(&[("alice@home.lan", "me@isp.example")])
        .queue_set("warn_after", "1s");
    world.sendmail(&["-f", "alice", "root"], "Subject: cron\n\nBODY\n").code(0);
    wait_for("the delay notice", || {
        world.flush();
        isp.received() > 0
    });
    let notice = isp.mail();
    assert_eq!((notice.from.as_str(), notice.to.as_slice()), ("", &["me@isp.example".to_owned()][..]));
    assert!(notice.text().contains("root@home.lan") && notice.text().contains("generic"), "{}", notice.text());
    assert_eq!(world.queued().len(), 1, "and it waits on");
}

#[test]
fn what_waits_for_a_local_user_is_kept_after_its_lifetime_although_others_got_the_mail() {
    let isp = Provider::start();
    let world = World::new()
        .account("isp", &isp)
        .generic(&[("alice@home.lan", "me@isp.example")])
        .queue_set("lifetime", "1s")
        .queue_set("warn_after", "1h");
    world.send_to(&["bob@away.example", "root"]).code(0);
    wait_for("it to be set aside", || {
        world.flush();
        world.queued().is_empty()
    });
    assert_eq!(isp.mail().to, ["bob@away.example"]);
    world.postrider(&["queue", "list", "--failed"]).code(0).says("local user");
}

#[test]
fn an_address_with_an_extension_waits_as_the_user_does() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp).generic(&[("alice@home.lan", "me@isp.example")]);
    world.send_to(&["root+backup"]).code(0);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (0, 1));
    // What waits is past the tables of arrival, so that only this one helps.
    let status = world.postrider(&["status"]).code(2).stdout;
    assert!(status.contains("in `generic`, map root+backup@home.lan"), "{status}");
}

#[test]
fn what_cannot_be_returned_because_its_sender_is_a_local_name_is_kept_whole() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").once().reply("550 5.1.1 no such user")).start();
    let world = World::new().account("isp", &isp);
    world.sendmail(&["-f", "root", "nobody@away.example"], INPUT).code(0);
    let id = world.queued().pop().unwrap();
    world.drain();
    world.postrider(&["queue", "list", "--failed"]).code(0).says("no address outside this machine");
    world.postrider(&["queue", "retry", &id]).code(0);
    world.flush().code(0);
    assert!(isp.mail().text().contains("The text."));
}

#[test]
fn what_cannot_be_returned_is_kept() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("550 5.1.1 nobody lives here")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    assert!(!world.spool("failed").is_empty(), "neither delivered nor returned: kept in failed/");
    assert!(world.queued().is_empty());
}

#[test]
fn mail_of_the_null_sender_does_not_bounce_but_is_kept() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp);
    world.sendmail(&["-i", "-f", "<>", "nobody@away.example"], INPUT).code(0);
    world.drain();
    assert!(!world.spool("failed").is_empty());
    assert!(isp.mails().iter().all(|mail| !mail.to.is_empty() && mail.to[0] != "MAILER-DAEMON@home.lan"));
}

#[test]
fn nothing_is_sent_to_senders_that_are_not_ours_and_their_mail_is_kept_whole() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here")).start();
    let world = World::at_home(&isp).queue_set("reports_per_hour", 2);
    for number in 0..5 {
        let sender = format!("forged{number}@elsewhere.example");
        world.sendmail(&["-i", "-f", &sender, "nobody@away.example"], INPUT).code(0);
    }
    world.drain();
    let notices = isp.mails();
    assert!(notices.iter().all(|mail| mail.to.iter().all(|to| to.ends_with("@isp.example"))), "{notices:?}");
    assert_eq!(notices.len(), 2, "the submitter hears of it, but not of each");
    let text = notices[0].text();
    assert!(text.contains("not an address of this machine") && text.contains("no such user here"), "{text}");
    let kept = world.spool("failed").into_iter().map(|path| fs::read_to_string(path).unwrap());
    assert_eq!(kept.filter(|text| text.contains("The text.")).count(), 5);
    isp.behave();
    world.postrider(&["queue", "retry", "--failed"]).code(0);
    world.flush().code(0);
    assert_eq!(isp.mails().iter().filter(|mail| mail.to == ["nobody@away.example"]).count(), 5);
}

#[test]
fn a_sender_that_is_not_ours_gets_no_delay_notice_either() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp).queue_set("warn_after", "0s");
    world.sendmail(&["-i", "-f", "forged@elsewhere.example", "nobody@away.example"], INPUT).code(0);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (0, 1));
}

#[test]
fn what_cannot_be_submitted_is_not_returned_to_a_sender_that_is_not_ours() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let ran =
        world.sendmail(&["-i", "-t", "-oem", "-f", "forged@elsewhere.example"], "Subject: to nobody\n\nThe text.\n");
    world.drain();
    let sent: Vec<_> = isp.mails().into_iter().flat_map(|mail| mail.to).collect();
    assert!(sent.iter().all(|to| to.ends_with("@isp.example")), "{sent:?}");
    assert!(!sent.is_empty(), "the submitter gets it: {}", ran.stderr);
}
