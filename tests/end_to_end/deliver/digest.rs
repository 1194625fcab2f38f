//! Storms of reports: beyond the cap per hour a sender is told in a digest, and what it is
//! to tell stays in the queue until it is stored.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use support::provider::{Mail, Provider, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::{World, is_root};

fn refusing() -> Provider {
    Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here")).start()
}

fn send(world: &World, range: std::ops::Range<usize>) {
    for number in range {
        let input = format!(
            "From: alice\nSubject: part {number} of many\nMessage-ID: <m{number}@home.lan>\n\nText {number}.\n"
        );
        world.sendmail(&["-i", "-f", "alice", &format!("nobody{number}@away.example")], input).code(0);
    }
}

fn is_digest(mail: &Mail) -> bool {
    mail.field("Subject").starts_with("Undelivered or delayed")
}

/// The numbers that reports name: of bounces and of digests.
fn named(isp: &Provider) -> (Vec<usize>, Vec<usize>) {
    let (mut bounces, mut digests) = (Vec::new(), Vec::new());
    for mail in isp.mails() {
        assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("", &["me@isp.example".to_owned()][..]));
        let text = mail.text();
        let numbers = (0..100).filter(|number| text.contains(&format!("<nobody{number}@away.example>:")));
        if is_digest(&mail) { digests.extend(numbers) } else { bounces.extend(numbers) }
    }
    (bounces, digests)
}

#[test]
fn a_storm_of_refused_mail_comes_back_in_a_few_bounces_and_one_digest_that_names_all() {
    let isp = refusing();
    let world = World::at_home(&isp).queue_set("reports_per_hour", 3);
    send(&world, 0..5);
    world.run_once();
    // The cap is the sender's, not one runner's.
    send(&world, 5..12);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (3, 9), "{}", world.mailq());
    assert!(world.mailq().contains("no such user here"), "mailq says why they wait:\n{}", world.mailq());
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (3, 9), "nothing is due before the hour is over");
    world.flush();
    world.run_once();
    let digests: Vec<Mail> = isp.mails().into_iter().filter(is_digest).collect();
    assert_eq!((isp.received(), digests.len(), world.queued().len()), (4, 1, 0));
    let (mut bounces, digested) = named(&isp);
    assert_eq!((bounces.len(), digested.len()), (3, 9));
    bounces.extend(digested);
    bounces.sort_unstable();
    assert_eq!(bounces, (0..12).collect::<Vec<_>>(), "each is named once");
    let text = digests[0].text();
    for wanted in ["part 11 of many", "<m11@home.lan>", "550 5.1.1 no such user here", "What to do:"] {
        assert!(text.contains(wanted), "{wanted:?} in:\n{text}");
    }
    assert!(digests[0].field("Auto-Submitted").starts_with("auto-"));
    let texts = isp.mails().iter().map(Mail::text).collect::<Vec<_>>().concat();
    for number in 0..12 {
        assert_eq!(texts.matches(&format!("\r\nText {number}.\r\n")).count(), 1, "nobody else has it:\n{texts}");
    }
    assert_eq!(world.history().iter().filter(|line| line["sender"] != "").count(), 12);
    assert!(world.spool("failed").is_empty() && world.spool("queue").is_empty());
}

#[test]
fn what_a_digest_is_to_tell_survives_kill_minus_nine_unless_it_is_deleted() {
    let isp = refusing();
    let world = World::at_home(&isp).queue_set("reports_per_hour", 1);
    let mut runner = world.runner().ready(&world);
    send(&world, 0..6);
    // A bounce that is delivered and not on record yet would be sent again.
    let is_recorded = || isp.received() == 1 && world.queued().len() == 5;
    wait_for("five to be owed", || runner.log().matches("in a digest").count() == 5 && is_recorded());
    runner.signal(Signal::KILL);
    runner.end();
    assert_eq!(world.queued().len(), 5);
    let _runner = world.runner().ready(&world);
    let deleted = world.queued().remove(1);
    world.postrider(&["queue", "delete", &deleted]).code(0);
    world.flush();
    wait_for("the digest", || isp.received() == 2 && world.queued().is_empty());
    let (bounces, digested) = named(&isp);
    assert_eq!((bounces.len(), digested.len()), (1, 4));
}

#[test]
fn delay_notices_beyond_the_cap_come_in_the_digest_and_the_mail_is_still_tried() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp).queue_set("reports_per_hour", 1).queue_set("warn_after", "0s");
    send(&world, 0..3);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (1, 3));
    world.flush();
    world.run_once();
    let digest = isp.mails().into_iter().find(is_digest).expect("a digest").text();
    assert_eq!(digest.matches("is still being retried for").count(), 2, "{digest}");
    assert!(digest.contains("450 4.2.0 not now"), "{digest}");
    world.flush();
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (2, 3), "each is told once");
    isp.behave();
    world.flush();
    assert_eq!((isp.received(), world.queued().len()), (5, 0));
}

#[test]
fn a_digest_that_bounces_goes_to_postmaster() {
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here"))
        .rule(on(Verb::Rcpt).about("me@isp.example").reply("550 5.1.1 gone away"))
        .start();
    let world = World::at_home(&isp).queue_set("reports_per_hour", 1).set("postmaster", "boss@away.example");
    send(&world, 0..3);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (1, 2), "postmaster has the bounce that bounced");
    world.flush();
    world.run_once();
    assert_eq!(world.queued().len(), 1, "the report on the digest is owed to postmaster:\n{}", world.mailq());
    world.flush();
    world.run_once();
    let digest = isp.mails().into_iter().find(is_digest).expect("a digest");
    assert_eq!((digest.to.as_slice(), world.queued().len()), (&["boss@away.example".to_owned()][..], 0));
    assert!(digest.text().contains("gone away"), "{}", digest.text());
    assert!(world.spool("failed").is_empty());
}

#[test]
fn no_text_is_lost_where_a_digest_is_refused_for_what_it_returns() {
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user here"))
        .rule(after_dot().reply("554 5.7.1 this looks like spam"))
        .start();
    let world = World::at_home(&isp).queue_set("reports_per_hour", 1).queue_set("bounce_size", "1KB");
    let world = world.set("postmaster", "boss@away.example");
    send(&world, 0..9);
    for _ in 0..3 {
        world.run_once();
        world.flush();
    }
    assert_eq!((isp.received(), world.queued().len()), (0, 0), "{}", world.mailq());
    let kept: Vec<String> = world
        .spool("failed")
        .iter()
        .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned())
        .collect();
    for number in 0..9 {
        let has_it = |text: &&String| text.contains(&format!("\r\nText {number}.\r\n"));
        assert!(kept.iter().any(|text| has_it(&text)), "text {number} in:\n{}", kept.join("\n"));
    }
    isp.behave();
    world.postrider(&["queue", "retry", "--failed"]).code(0);
    world.flush();
    let texts = isp.mails().iter().map(Mail::text).collect::<Vec<_>>().concat();
    assert!((0..9).all(|number| texts.contains(&format!("\r\nText {number}.\r\n"))), "{texts}");
}

#[test]
fn mail_that_left_before_its_delay_was_told_in_a_digest_does_not_stay_in_the_queue() {
    let held = on(Verb::Mail).about("me@isp.example").first(4).reply("553 5.7.1 not owned by user hisaccount");
    let isp = Provider::setup().rule(held).start();
    let world = World::at_home(&isp).queue_set("reports_per_hour", 1);
    let world = world.queue_set("retry_min", "1s").queue_set("retry_max", "1s");
    send(&world, 0..2);
    // With the second attempt, one message is told in a notice, and the other is to be told in a digest within the hour.
    let runner = world.runner();
    wait_for("both to leave the queue", || world.queued().is_empty() && world.spool("queue").is_empty());
    assert!(runner.log().contains("reported in a digest"), "{}", runner.log());
    assert_eq!(isp.mails().iter().filter(|mail| !mail.from.is_empty()).count(), 2);
    assert!(!isp.mails().iter().any(is_digest), "there is nothing left to tell");
}

#[test]
fn what_could_not_be_read_for_a_digest_is_in_a_later_one() {
    if is_root() {
        return; // Root may read whatever the mode is; the checks run these tests as an ordinary user as well.
    }
    let isp = refusing();
    let world = World::at_home(&isp).queue_set("reports_per_hour", 1).queue_set("retry_min", "1s");
    send(&world, 0..2);
    let runner = world.runner();
    wait_for("one to be owed", || world.queued().len() == 1 && isp.received() == 1);
    let file = world.spool("queue").into_iter().find(|path| path.extension().is_none()).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o000)).unwrap();
    world.flush();
    wait_for("the attempt", || runner.log().contains("a later digest will report it"));
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    wait_for("the digest", || isp.mails().iter().any(is_digest) && world.queued().is_empty());
}
