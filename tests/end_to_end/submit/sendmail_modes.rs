//! What sendmail(8) is asked for beside sending: reports, the queue, aliases, and how
//! errors and successes are told.

use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::{World, login};

const MAIL: &str = "From: alice\nSubject: lost and found\n\nThe text.\n";

#[test]
fn bv_reports_by_mail_and_sends_nothing_to_anybody_else() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.sendmail(&["-bv", "-f", "alice", "bob@away.example", "root@home.lan", "carol@"], "").code(0).silent();
    world.drain();
    assert_eq!(isp.received(), 1);
    let report = isp.mail();
    assert_eq!((report.from.as_str(), report.to.as_slice()), ("", &["me@isp.example".to_owned()][..]));
    let text = report.text();
    assert_eq!(text.matches("Action: deliverable").count(), 2, "{text}");
    assert_eq!(text.matches("Action: undeliverable").count(), 1, "{text}");
    assert!(text.contains("through account isp") && text.contains("me+home@isp.example"), "{text}");
}

#[test]
fn bv_needs_somebody_to_report_to_and_about() {
    let world = World::at_home(&Provider::start());
    world.sendmail(&["-bv", "-f", "<>", "bob@away.example"], "").code(64).one_line();
    world.sendmail(&["-bv"], "").code(64).one_line();
    assert!(world.spool("queue").is_empty());
}

#[test]
fn the_queue_is_listed_by_option_and_by_name() {
    let world = World::at_home(&Provider::start());
    let empty = "Mail queue is empty\n";
    assert_eq!(world.sendmail(&["-bp"], "").code(0).stdout, empty);
    assert_eq!(world.by_name("mailq", &["-v"], "").code(0).stdout, empty);
    world.send_to(&["bob@away.example"]).code(0);
    for ran in [
        world.sendmail(&["-bp"], ""),
        world.by_name("sendmail", &["-v", "-bp"], ""),
        world.by_name("mailq", &["-Ac", "-v"], ""),
        world.by_name("mailq", &["-qRaway"], ""),
    ] {
        let ran = ran.code(0);
        assert!(ran.stdout.ends_with("in 1 Request.\n") && ran.stdout.contains("bob@away.example"), "{}", ran.stdout);
        assert_eq!(ran.stderr, "");
    }
    world.by_name("mailq", &["-J"], "").code(64).says("mailq: unknown option");
}

#[test]
fn newaliases_has_nothing_to_build_and_says_what_is_wrong_with_a_table() {
    let world = World::at_home(&Provider::start()).set("aliases", serde_json::json!([]));
    for args in [&["-bi"][..], &["-I"], &["-I", "-v"]] {
        world.sendmail(args, "").code(0).one_line().says("no aliases are read, because `aliases` in");
    }
    for args in [&[][..], &["-oA/etc/aliases"]] {
        world.by_name("newaliases", args, "").code(0).says("newaliases: no aliases are read");
    }
    let world = World::at_home(&Provider::start()).set("aliases", serde_json::json!([{ "a": "b@away.example" }]));
    world
        .by_name("newaliases", &[], "")
        .code(0)
        .says("only the aliases that are in")
        .says("config.toml itself are read");
    let world = World::at_home(&Provider::start()).set("aliases", "aliases");
    world.table("aliases", "a: b@away.example\n");
    world.by_name("newaliases", &[], "").code(0).says("aliases is read");
    let world = World::at_home(&Provider::start()).set("generic", serde_json::json!(["/nonexistent/generic"]));
    world.sendmail(&["-bi"], "").code(78).one_line().says("/nonexistent/generic");
    world.by_name("newaliases", &[], "").code(78).says("newaliases: ");
}

#[test]
fn q_attempts_what_waits_or_the_part_that_is_named() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let others = ["carol@far.example", "dave@away.example"];
    for recipient in ["bob@away.example", others[0], others[1]] {
        world.send_to(&[recipient]).code(0);
    }
    let first = world.queued()[0].clone();
    world.sendmail(&["-qRnowhere"], "").code(0).silent();
    world.sendmail(&["-qSmallory"], "").code(0).silent();
    assert_eq!(isp.received(), 0);
    world.sendmail(&[&format!("-qI{first}")], "").code(0).silent();
    assert_eq!(isp.mail().to, ["bob@away.example"]);
    world.sendmail(&["-q!Rfar.example", "-qSalice"], "").code(0).silent();
    assert_eq!(isp.mail_to(others[1]).to, [others[1]]);
    assert_eq!(isp.received(), 2);
    world.sendmail(&["-q"], "").code(0).silent();
    assert_eq!((isp.received(), world.queued().len()), (3, 0));
    world.sendmail(&["-q", "-v"], "").code(0).silent();
}

#[test]
fn bd_leaves_one_runner_behind() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.sendmail(&["-bd", "-q30m"], "").code(0).silent();
    wait_for("the mail to be delivered", || isp.received() == 1);
    world.sendmail(&["-q30m"], "").code(0).silent();
    world.sendmail(&["-bl"], "").code(0).silent();
    world.send_to(&["carol@away.example"]).code(0);
    wait_for("the next mail to be delivered", || isp.received() == 2);
    wait_for("only one runner to be there", || world.processes().len() == 1);
}

#[test]
fn host_status_and_address_tests_send_nothing() {
    let world = World::at_home(&Provider::start());
    for mode in ["-bh", "-bH", "-bt"] {
        world.sendmail(&[mode, "bob@away.example"], MAIL).code(0).silent();
    }
    assert!(world.spool("queue").is_empty());
}

#[test]
fn how_a_failure_is_told_is_the_callers_choice() {
    let world = World::at_home(&Provider::start());
    world.sendmail(&["-oep"], MAIL).code(64).one_line();
    world.sendmail(&["-oeq"], MAIL).code(64).silent().read_all();
    assert!(world.spool("queue").is_empty());
    for (option, code) in [("-oem", 64), ("-em", 64), ("-oew", 64), ("-oee", 0)] {
        let isp = Provider::start();
        let world = World::at_home(&isp);
        world.sendmail(&[option, "-f", "alice"], MAIL).code(code).silent().read_all();
        world.drain();
        let text = isp.mail_to("me@isp.example").text();
        assert!(
            text.contains("no recipients") && text.contains("The text.") && text.contains("lost and found"),
            "{text}"
        );
    }
}

#[test]
fn what_cannot_be_mailed_back_is_printed() {
    let world = World::at_home(&Provider::start());
    world.sendmail(&["-oem", "-f", "<>"], MAIL).code(64).one_line();
    world.sendmail(&["-oee", "-f", "<>"], MAIL).code(64).one_line();
    std::fs::remove_file(world.path("config.toml")).unwrap();
    world.sendmail(&["-oee", "bob@away.example"], MAIL).code(78).one_line();
}

#[test]
fn a_refusal_at_once_was_mailed_back_already() {
    let refusing = || Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    for (option, code, said) in [("-oep", 69, 1), ("-oeq", 69, 0), ("-oem", 69, 0), ("-oee", 0, 0)] {
        let isp = refusing();
        let world = World::at_home(&isp);
        let ran = world.sendmail(&[option, "-odi", "-f", "alice", "nobody@away.example"], MAIL).code(code);
        assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", said), "{option}: {}", ran.stderr);
    }
}

#[test]
fn a_report_of_success_is_sent_where_it_is_asked_for() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let args = ["-N", "success,failure", "-V", "my-id", "-f", "alice", "bob@away.example"];
    world.sendmail(&args, MAIL).code(0).silent();
    world.drain();
    assert_eq!(isp.received(), 2);
    let text = isp.mail_to("me@isp.example").text();
    for wanted in ["Action: relayed", "Original-Envelope-Id: my-id", "Final-Recipient: rfc822; bob@away.example"] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    assert!(!text.contains("The text."), "no more than the header of what has arrived");
}

#[test]
fn a_relay_that_takes_the_wish_over_is_the_only_one_to_report_success() {
    let isp = Provider::setup().offers("DSN").start();
    let world = World::at_home(&isp);
    world.sendmail(&["-N", "success", "-f", "alice", "bob@away.example"], MAIL).code(0).silent();
    world.drain();
    assert_eq!(isp.mail().wishes, ["NOTIFY=SUCCESS", "ORCPT=rfc822;bob@away.example"], "no report of ours beside it");
}

#[test]
fn recipients_that_a_relay_without_dsn_took_in_another_attempt_are_still_reported() {
    let later = || on(Verb::Rcpt).about("later").reply("450 4.2.0 not now");
    let (with, without) = (Provider::setup().offers("DSN").rule(later()).start(), Provider::start());
    let world = World::at_home(&with);
    let args = ["-N", "success", "-f", "alice", "bob@away.example", "later@away.example"];
    world.sendmail(&args, MAIL).code(0).silent();
    world.run_once();
    assert_eq!((with.mail().to, world.queued().len()), (vec!["bob@away.example".to_owned()], 1));
    let world = world.account("isp", &without);
    world.flush().code(0);
    world.drain();
    let text = without.mail_to("me@isp.example").text();
    assert!(text.contains("rfc822; later@away.example") && !text.contains("rfc822; bob@away.example"), "{text}");
}

#[test]
fn never_and_full_shape_the_bounce() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp);
    world.sendmail(&["-N", "never", "-f", "alice", "nobody@away.example"], MAIL).code(0).silent();
    world.sendmail(&["-N", "delay,success", "-f", "alice", "nobody@away.example"], MAIL).code(0).silent();
    world.drain();
    assert_eq!(isp.received(), 0, "nobody wants to know");
    world.sendmail(&["-R", "full", "-f", "alice", "nobody@away.example"], MAIL).code(0).silent();
    world.drain();
    let text = isp.mail().text();
    assert!(text.contains("Content-Type: message/rfc822") && text.contains("The text."), "{text}");
    let large = format!("{MAIL}{}", "some text of a line\n".repeat(3000));
    world.sendmail(&["-R", "full", "-f", "alice", "nobody@away.example"], large).code(0).silent();
    world.drain();
    let text = isp.mails().pop().unwrap().text();
    assert!(text.contains("text/rfc822-headers") && !text.contains("some text"), "{text}");
}

#[test]
fn values_that_mean_nothing_are_named_and_the_mail_is_sent() {
    let world = World::at_home(&Provider::start());
    for (option, value) in [("-N", "often"), ("-R", "all"), ("-V", "\u{7}")] {
        world.sendmail(&[option, value, "bob@away.example"], MAIL).code(0).one_line().says(option);
    }
    assert_eq!(world.queued().len(), 3);
}

#[test]
fn through_a_gateway_nothing_is_completed() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp).set("received", false);
    world
        .sendmail(&["-G", "-f", "alice", "bob@away.example"], "To: root\nBcc: x\nSubject: x\n\nbody\n")
        .code(0)
        .silent();
    world.run_once();
    assert_eq!(isp.mail().header(), "To: root\r\nSubject: x\r\n");
}

#[test]
fn the_sender_may_be_read_from_the_message() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp);
    let input = "From: Carol <carol@far.example>\nTo: bob@away.example\n\nbody\n";
    world.sendmail(&["--read-envelope-from", "-t"], input).code(0).silent();
    world.sendmail(&["--read-envelope-from", "bob@away.example"], "Subject: x\n\n").code(0).silent();
    let senders: Vec<String> =
        world.queue_json().iter().map(|entry| entry["sender"].as_str().unwrap().to_owned()).collect();
    assert_eq!(senders, ["carol@far.example".to_owned(), format!("{}@home.lan", login())]);
}
