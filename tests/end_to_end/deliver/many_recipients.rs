//! Many recipients in one message: it is taken, sent in groups that every server takes, each
//! recorded before the next, and can be looked at; it does not keep a single mail waiting.

use std::collections::BTreeSet;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use support::provider::{Gate, Provider, Verb, after_dot, on};
use support::wait::{PATIENCE, wait_for, wait_until};
use support::world::{World, is_debug};

/// What the programs may take: twice as much in a debug build, whose TLS is large.
fn bound_kib() -> u64 {
    (if is_debug() { 64 } else { 32 }) << 10
}

fn crowd(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("member{number:05}@list.example")).collect()
}

/// Hands in one mail to all of them, in its header as a list manager does.
fn send(world: &World, crowd: &[String]) {
    let mail = format!("From: alice\nTo: friends:;\nBcc: {}\nSubject: to all\n\nThe text.\n", crowd.join(",\n "));
    world.sendmail(&["-t", "-i", "-f", "alice"], mail).code(0);
}

fn distinct(isp: &Provider) -> BTreeSet<String> {
    isp.mails().into_iter().flat_map(|mail| mail.to).collect()
}

#[test]
fn ten_thousand_recipients_each_get_one_copy_in_bounded_time_and_memory() {
    const MANY: usize = 10_000;
    let gate = Gate::closed();
    let isp = Provider::setup()
        .recipients_per_message(100)
        .rule(on(Verb::Rcpt).about("member00007").reply("450 4.2.0 not now"))
        .rule(on(Verb::Rcpt).about("member09999").reply("550 5.1.1 no such user"))
        .rule(after_dot().once().behind(&gate))
        .start();
    let world = World::at_home(&isp);
    send(&world, &crowd(MANY));
    let listing = Instant::now();
    let listed = world.mailq();
    assert_eq!(listed.matches("@list.example").count(), MANY);
    assert!(listed.ends_with("in 1 Request.\n"), "{:?}", &listed[listed.len() - 60..]);
    assert_eq!(world.queue_json()[0]["recipients"].as_array().unwrap().len(), MANY);
    assert!(listing.elapsed().as_secs() < 20, "listing took {:?}", listing.elapsed());
    let started = Instant::now();
    let runner = world.runner();
    wait_for("the first dot", || isp.dots() == 1);
    gate.open();
    wait_for("all but one, and the bounce", || isp.received() == MANY / 50 + 1);
    assert!(runner.peak_memory() < bound_kib(), "the runner took {} KiB", runner.peak_memory());
    println!("{MANY} recipients in {:?}, {} KiB", started.elapsed(), runner.peak_memory());
    wait_for("the end of the attempt", || world.queue_json()[0]["queue_name"] == "deferred");
    let left = &world.queue_json()[0]["recipients"];
    assert_eq!((left.as_array().unwrap().len(), &left[0]["address"]), (1, &json!("member00007@list.example")));
    let mails = isp.mails();
    assert!(mails.iter().all(|mail| mail.to.len() <= 50));
    let copies: usize = mails.iter().filter(|mail| !mail.from.is_empty()).map(|mail| mail.to.len()).sum();
    assert_eq!((copies, distinct(&isp).len()), (MANY - 2, MANY - 2 + 1), "each once, and the bounce's");
    let bounces: Vec<_> = mails.iter().filter(|mail| mail.from.is_empty()).collect();
    assert!(bounces.len() == 1 && bounces[0].text().contains("member09999"), "one bounce: {bounces:?}");
    assert!(isp.connections() <= 3, "a hundred transactions a connection, the usual setting: {}", isp.connections());
}

#[test]
fn a_mail_to_many_that_is_broken_off_goes_on_where_it_was() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(after_dot().nth(3).behind(&gate)).start();
    let world = World::at_home(&isp);
    send(&world, &crowd(200));
    let mut runner = world.runner();
    wait_for("the third group's dot", || isp.dots() == 3);
    runner.signal(Signal::KILL);
    runner.end();
    gate.open();
    world.drain();
    let mails = isp.mails();
    let copies: usize = mails.iter().map(|mail| mail.to.len()).sum();
    assert_eq!(distinct(&isp).len(), 200);
    assert!(copies <= 250, "one group at most has it twice: {copies}");
    assert_eq!(world.history().len(), 1);
}

#[test]
fn a_single_mail_does_not_wait_until_a_crowd_has_theirs() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(after_dot().once().behind(&gate)).start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(1))]);
    send(&world, &crowd(3000));
    let _runner = world.runner();
    wait_for("the first dot", || isp.dots() == 1);
    world.sendmail(&["-i", "-f", "bob", "single@away.example"], "Subject: alone\n\none\n").code(0);
    wait_for("it to be known", || world.queued().len() == 2);
    gate.open();
    wait_for("all", || world.queued().is_empty());
    let at = isp.mails().iter().position(|mail| mail.to == ["single@away.example"]).unwrap();
    assert!(at < 40, "the single mail was number {at} of {}", isp.received());
}

#[test]
fn what_is_said_to_mail_is_said_to_all_recipients() {
    let isp = Provider::setup().rule(on(Verb::Mail).once().reply("452 4.3.1 not now")).start();
    let world = World::at_home(&isp);
    send(&world, &crowd(120));
    world.run_once();
    assert_eq!((isp.count(Verb::Mail), world.mailq().matches("not now").count()), (1, 1), "{}", world.mailq());
    assert_eq!(world.mailq().matches("@list.example").count(), 120);
    world.flush();
    assert_eq!(distinct(&isp).len(), 120);
}

/// An operator raised the limit: 50,000 in three seconds. A debug build takes several times as long, so it gets fewer.
#[test]
fn recipients_beyond_the_usual_limit_take_little_of_the_processor() {
    let (many, bound) = if is_debug() { (10_000, 360) } else { (50_000, 300) };
    let isp = Provider::start();
    let world = World::at_home(&isp).set("limits", json!({"recipients": 50_000}));
    send(&world, &crowd(many));
    let runner = world.runner();
    // The processor's time is measured, not the clock's: other tests run meanwhile.
    wait_until(10 * PATIENCE, || world.queued().is_empty().then_some(()), || "waited in vain for its end".to_owned());
    let (ticks, peak) = (runner.cpu_ticks(), runner.peak_memory());
    println!("{many} recipients: {ticks} hundredths of a second of the processor, {peak} KiB");
    assert_eq!(distinct(&isp).len(), many);
    assert!(ticks < bound, "{ticks} hundredths of a second");
}

#[test]
fn work_grows_with_the_recipients_and_not_with_their_square() {
    let cost = |count: usize| {
        let isp = Provider::start();
        let world = World::at_home(&isp).set("limits", json!({"recipients": 20_000}));
        send(&world, &crowd(count));
        let runner = world.runner();
        wait_for("all", || isp.received() == count / 50);
        wait_for("its end", || world.queued().is_empty());
        runner.cpu_ticks()
    };
    let [few, many] = [1_000, 16_000].map(cost);
    // A tick is 10 ms, and the few may take less than two.
    assert!(many < (few + 1) * 24, "sixteen times the recipients: {few} and {many} ticks");
}
