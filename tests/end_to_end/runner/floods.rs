//! The flood guard: what repeats itself leaves as one message, what is new at once, and nothing is lost on the way.

use serde_json::{Value, json};

use support::provider::{Provider, Rule, after_dot};
use support::wait::wait_for;
use support::world::{Runner, World};

/// A machine whose alice may send two of the same within an hour, and its runner.
fn guarded(isp: &Provider) -> (World, Runner) {
    let world = World::at_home(isp).set("flood", json!({"senders": ["Alice@home.lan"], "per_hour": 2}));
    let runner = started(&world);
    (world, runner)
}

fn started(world: &World) -> Runner {
    let runner = world.runner();
    wait_for("the runner", || world.postrider(&["metrics"]).code(0).stdout.contains("postrider_build_info"));
    runner
}

fn send(world: &World, subject: &str, options: &[&str], text: &str) {
    let mail = format!("From: Alice <alice>\nSubject: {subject}\n\n{text}\n");
    world.sendmail(&[options, &["-i", "-f", "alice", "bob@away.example"]].concat(), mail).code(0);
}

/// The messages that wait for others, as `queue list` has them.
fn gathered(world: &World) -> Vec<Value> {
    let is_gathered = |item: &Value| item["trouble"].as_str().unwrap().starts_with("similar mail is sent together");
    world.queue_json().into_iter().filter(is_gathered).collect()
}

#[test]
fn what_repeats_itself_leaves_as_one_message_with_each_whole_in_it() {
    let isp = Provider::start();
    let (world, runner) = guarded(&isp);
    for number in 1..=6 {
        send(&world, "cron failed", &[], &format!("run {number}: \u{fc}.\n.\nline"));
    }
    wait_for("the first ones", || isp.received() == 2 && gathered(&world).len() == 4);
    // What is new is not kept waiting, nor what asks for a report or is urgent, nor what others send.
    send(&world, "RAID degraded", &[], "md0");
    send(&world, "cron failed", &["-N", "success"], "report");
    world.sendmail(&["-f", "alice", "bob@away.example"], "Subject: cron failed\nX-Priority: 1\n\nurgent\n").code(0);
    world.sendmail(&["-f", "eve", "bob@away.example"], "Subject: cron failed\n\neve\n").code(0);
    // The report is a message, too.
    wait_for("the others", || isp.received() == 7);
    assert_eq!(gathered(&world).len(), 4);
    assert!(gathered(&world)[0]["trouble"].as_str().unwrap().contains("it is sent in one message at "));
    world.flush();
    wait_for("the digest", || isp.received() == 8 && world.queued().is_empty());
    let digest = isp.mails().pop().unwrap();
    assert_eq!((digest.from.as_str(), digest.to), ("me@isp.example", vec!["bob@away.example".to_owned()]));
    let text = String::from_utf8(digest.content).unwrap();
    assert!(
        text.contains("Content-Type: multipart/digest; boundary=") && text.contains("Subject: 4 messages: cron failed"),
        "{text}"
    );
    for number in 3..=6 {
        assert_eq!(text.matches(&format!("run {number}: \u{fc}.\r\n.\r\nline\r\n")).count(), 1, "{text}");
        assert_eq!(text.matches("\r\nSubject: cron failed\r\n").count(), 4, "{text}");
    }
    let delivered = |record: &Value| record["recipients"][0]["status"] == "delivered";
    let history = world.history();
    assert_eq!((history.len(), history.iter().filter(|record| delivered(record)).count()), (12, 12), "{history:?}");
    let together =
        |record: &&Value| record["recipients"][0]["reply"].as_str().unwrap().starts_with("sent whole in message");
    assert_eq!(history.iter().filter(together).count(), 4);
    drop(runner);
}

#[test]
fn whoever_asks_for_one_that_waits_gets_it_with_those_like_it_and_others_go_on_waiting() {
    let isp = Provider::start();
    let (world, runner) = guarded(&isp);
    let to = |recipient: &str, number: u32| {
        let mail = format!("From: Alice <alice>\nSubject: cron failed\n\n{recipient}'s run {number}\n");
        world.sendmail(&["-f", "alice", recipient], mail).code(0);
    };
    let waiting = |recipient: &str| {
        let is_for = |item: &Value| item["recipients"][0]["address"].as_str().unwrap().starts_with(recipient);
        ids(&gathered(&world).into_iter().filter(is_for).collect::<Vec<_>>())
    };
    for (number, recipient) in [(1, "bob"), (2, "carol"), (3, "dave")].iter().cycle().take(12) {
        to(&format!("{recipient}@away.example"), *number);
    }
    let left = |[bob, carol, dave]: [usize; 3]| [("bob", bob), ("carol", carol), ("dave", dave)];
    let are_left = |numbers| left(numbers).iter().all(|(name, number)| waiting(name).len() == *number);
    wait_for("the first ones", || isp.received() == 6 && are_left([2, 2, 2]));
    world.postrider(&["queue", "retry", &waiting("bob")[1]]).code(0).says("retrying now");
    wait_for("bob's", || isp.received() == 7 && are_left([0, 2, 2]));
    world.postrider(&["flush", &waiting("carol")[0]]).code(0);
    wait_for("carol's", || isp.received() == 8 && are_left([0, 0, 2]));
    world.postrider(&["flush", "--account", "isp"]).code(0);
    wait_for("dave's", || isp.received() == 9 && world.queued().is_empty());
    drop(runner);
}

#[test]
fn a_digest_that_is_refused_goes_out_as_what_it_is_made_of() {
    let isp = Provider::setup().rule(after_dot().nth(3).reply("554 5.6.0 no digests")).start();
    let (world, runner) = guarded(&isp);
    for number in 1..=4 {
        send(&world, "cron failed", &[], &format!("run {number}"));
    }
    wait_for("the first ones", || isp.received() == 2 && gathered(&world).len() == 2);
    world.flush();
    wait_for("each by itself", || isp.received() == 4 && world.queued().is_empty());
    let texts: Vec<String> =
        isp.mails().into_iter().map(|mail| String::from_utf8_lossy(&mail.content).into_owned()).collect();
    for number in 1..=4 {
        assert_eq!(texts.iter().filter(|text| text.contains(&format!("run {number}"))).count(), 1, "{texts:?}");
    }
    let metrics = world.postrider(&["metrics"]).code(0).stdout;
    let received = metrics.lines().filter(|line| line.starts_with("postrider_received_messages_total{"));
    assert_eq!(received.filter_map(|line| line.rsplit(' ').next()).collect::<Vec<_>>(), ["4"], "{metrics}");
    let report = world.postrider(&["report"]).code(0).stdout;
    assert!(report.contains("4 messages") && !report.contains("returned"), "nobody got anything back: {report}");
    drop(runner);
}

#[test]
fn what_waits_for_others_is_not_forgotten_by_the_next_runner() {
    let isp = Provider::start();
    let (world, runner) = guarded(&isp);
    for number in 1..=5 {
        send(&world, "cron failed", &[], &format!("run {number}"));
    }
    wait_for("the first ones", || isp.received() == 2 && gathered(&world).len() == 3);
    let deleted = gathered(&world)[0]["queue_id"].as_str().unwrap().to_owned();
    world.postrider(&["queue", "delete", &deleted]).code(0);
    drop(runner);
    assert_eq!(gathered(&world).len(), 2);
    let runner = started(&world);
    wait_for("the digest", || isp.received() == 3 && world.queued().is_empty());
    let text = String::from_utf8(isp.mails().pop().unwrap().content).unwrap();
    assert!(text.contains("Subject: 2 messages: cron failed") && !text.contains("run 3"), "{text}");
    drop(runner);
}

/// A provider that tells these messages to come later.
fn deferring(times: fn(Rule) -> Rule) -> Provider {
    Provider::setup().rule(times(after_dot()).reply("451 4.3.0 later")).start()
}

/// A guarded machine that has sent six of the same, of which the digest of the last four was told to come later; its id, and theirs.
fn with_deferred_digest(isp: &Provider) -> (World, Runner, String, Vec<String>) {
    let (world, runner) = guarded(isp);
    for number in 1..=6 {
        send(&world, "cron failed", &[], &format!("run {number}"));
    }
    wait_for("the first ones", || isp.received() == 2 && gathered(&world).len() == 4);
    let originals = ids(&gathered(&world));
    world.postrider(&["flush"]);
    let digests = || world.queue_json().into_iter().filter(|item| item["trouble"].as_str().unwrap().contains("later"));
    wait_for("the digest waits", || digests().count() == 1);
    let digest = ids(&digests().collect::<Vec<_>>()).pop().unwrap();
    (world, runner, digest, originals)
}

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["queue_id"].as_str().unwrap().to_owned()).collect()
}

fn texts(isp: &Provider) -> Vec<String> {
    isp.mails().into_iter().map(|mail| String::from_utf8_lossy(&mail.content).into_owned()).collect()
}

fn times(isp: &Provider, number: u32) -> usize {
    texts(isp).iter().map(|text| text.matches(&format!("run {number}\r\n")).count()).sum()
}

#[test]
fn what_is_deleted_or_held_while_its_digest_waits_is_not_sent_with_the_others() {
    let isp = deferring(|rule| rule.nth_and_later(3));
    let (world, runner, digest, originals) = with_deferred_digest(&isp);
    world.postrider(&["queue", "delete", &originals[0]]).code(0);
    wait_for("the one that replaces it waits as well", || {
        isp.dots() == 4
            && !world.queued().contains(&digest)
            && world.postrider(&["queue", "hold", &originals[1]]).status == Some(0)
    });
    isp.behave();
    world.postrider(&["flush"]);
    wait_for("the others", || isp.received() == 3 && world.queued() == [originals[1].clone()]);
    assert_eq!([3, 4, 5, 6].map(|number| times(&isp, number)), [0, 0, 1, 1], "{:?}", texts(&isp));
    world.postrider(&["queue", "release", &originals[1]]).code(0);
    world.postrider(&["flush"]);
    wait_for("the held one", || world.queued().is_empty());
    assert_eq!([3, 4, 5, 6].map(|number| times(&isp, number)), [0, 1, 1, 1], "{:?}", texts(&isp));
    drop(runner);
}

#[test]
fn a_held_digest_holds_what_it_brings_also_for_the_next_runner() {
    let isp = deferring(|rule| rule.nth(3));
    let (world, runner, digest, originals) = with_deferred_digest(&isp);
    world.postrider(&["queue", "hold", &digest]).code(0);
    drop(runner);
    let runner = started(&world);
    world.postrider(&["flush"]);
    // Out of a held digest comes held mail.
    world.postrider(&["queue", "delete", &originals[0]]).code(0);
    world.postrider(&["flush"]);
    send(&world, "RAID degraded", &[], "md0");
    wait_for("what is not held", || isp.received() == 3 && world.queued() == originals[1..]);
    world.postrider(&["queue", "release", "--all"]).code(0);
    world.postrider(&["flush"]);
    wait_for("the others", || world.queued().is_empty());
    assert_eq!([3, 4, 5, 6].map(|number| times(&isp, number)), [0, 1, 1, 1], "{:?}", texts(&isp));
    drop(runner);
}

#[test]
fn all_that_is_deleted_leaves_nothing_and_a_flush_of_one_flushes_its_digest() {
    let isp = deferring(|rule| rule.nth(3));
    let (world, runner, digest, originals) = with_deferred_digest(&isp);
    let flushed = world.postrider(&["flush", &originals[2]]).code(0);
    assert!(flushed.stdout.contains(&digest), "{flushed:?}");
    wait_for("it is empty", || world.queued().is_empty());
    isp.add(after_dot().reply("451 4.3.0 later"));
    for number in 7..=9 {
        send(&world, "cron failed", &[], &format!("run {number}"));
    }
    wait_for("they wait", || gathered(&world).len() == 3);
    world.postrider(&["flush"]);
    wait_for("the digest waits", || world.queued().len() == 4);
    world.postrider(&["queue", "delete", "--all"]).code(0);
    assert_eq!(world.queued(), Vec::<String>::new());
    isp.behave();
    world.postrider(&["flush"]);
    assert_eq!(isp.received(), 3, "{:?}", texts(&isp));
    drop(runner);
}

#[test]
fn one_pass_without_a_service_sends_what_is_due_together_and_leaves_nothing_of_it() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("flood", json!({"senders": ["alice@home.lan"], "per_hour": 2}));
    let runner = started(&world);
    for number in 1..=5 {
        send(&world, "cron failed", &[], &format!("run {number}"));
    }
    wait_for("the first ones", || isp.received() == 2 && gathered(&world).len() == 3);
    drop(runner);
    // What an earlier runner gathered is due.
    world.postrider(&["run", "--once"]).code(0);
    assert_eq!((isp.received(), world.queued()), (3, Vec::new()), "{:?}", texts(&isp));
}

#[test]
fn nothing_waits_for_others_unless_its_sender_is_listed() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    for _ in 0..15 {
        send(&world, "cron failed", &[], "run");
    }
    world.drain();
    assert_eq!(isp.received(), 15);
    for (flood, expected) in [
        (json!({"senders": ["no address"]}), "`senders` must be addresses"),
        (json!({"senders": ["a@home.lan"], "per_hour": 0}), "`per_hour` must be at least 1"),
        (json!("all"), "must be a section, [flood]"),
    ] {
        let said = World::at_home(&isp).set("flood", flood).postrider(&["check"]).stdout;
        assert!(said.contains(expected), "{said}");
    }
}
