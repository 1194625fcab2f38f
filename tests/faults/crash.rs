//! `kill -9` at every system call in turn, then a restart: nothing accepted is lost, nothing
//! torn is sent, at most one duplicate.

use std::fs;
use std::process::Child;
use std::time::Duration;

use support::points::{self, inject, is_skipped};
use support::power_cut::Flushes;
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::{World, run};

const SENDMAIL: &str = env!("CARGO_BIN_EXE_sendmail");
const POSTRIDER: &str = env!("CARGO_BIN_EXE_postrider");
const MAIL: &[u8] = b"Subject: whole\n\none\ntwo\nthree\n";
const BODY: &[u8] = b"one\r\ntwo\r\nthree\r\n";

/// How often the mail to that recipient arrived, every time whole.
fn arrived(isp: &Provider, recipient: &str) -> usize {
    let mails: Vec<_> = isp.mails().into_iter().filter(|mail| mail.to.iter().any(|to| to == recipient)).collect();
    for mail in &mails {
        assert_eq!(mail.body(), BODY, "torn: {mail:?}");
    }
    mails.len()
}

#[test]
fn a_front_end_killed_at_any_system_call_accepts_nothing_that_is_lost() {
    if is_skipped() {
        return;
    }
    for flushes in [Flushes::Two, Flushes::One] {
        kill_front_end(flushes);
    }
}

fn kill_front_end(flushes: Flushes) {
    let isp = Provider::start();
    let args = |to: &'static str| ["-i", "-f", "alice", to];
    let world = || World::at_home(&isp).with_flushes(flushes);
    let points = points::of_run(&world(), "spool", SENDMAIL, &args("bob@away.example"), MAIL);
    let (mut accepted, mut stored) = (0, 0);
    for (at, point) in points::chosen(&points).into_iter().enumerate() {
        let world = world();
        let recipient = format!("r{at}@away.example");
        let fault = format!("{}:signal=SIGKILL:when={}", point.call, point.number);
        let ran = run(inject(&world, &fault, SENDMAIL, &["-i", "-f", "alice", &recipient]), MAIL);
        let is_accepted = ran.status == Some(0);
        world.run_once();
        let count = arrived(&isp, &recipient);
        assert!(count <= 1, "{point:?}: sent {count} times");
        assert!(count == 1 || !is_accepted, "{point:?}: accepted and lost");
        assert!(world.queued().is_empty() && world.spool("failed").is_empty(), "{point:?}: left behind");
        accepted += usize::from(is_accepted);
        stored += count;
    }
    println!(
        "sendmail, {flushes:?} flushes, killed at {} points: {stored} had stored, {accepted} were not hit",
        points.len()
    );
}

#[test]
fn a_runner_killed_at_any_system_call_loses_nothing_and_sends_at_most_one_copy_more() {
    if is_skipped() {
        return;
    }
    let isp = Provider::start();
    kill_at_each_call(Flushes::One, &isp, |world, recipient| {
        world.sendmail(&["-i", "-f", "alice", recipient], MAIL).code(0);
    });
}

#[test]
fn a_runner_killed_at_any_system_call_of_a_later_attempt_loses_nothing_and_sends_at_most_one_copy_more() {
    if is_skipped() {
        return;
    }
    let isp = Provider::start();
    kill_at_each_call(Flushes::Two, &isp, |world, recipient| {
        isp.add(on(Verb::Rcpt).about(recipient).once().reply("450 4.2.0 not now"));
        world.sendmail(&["-i", "-f", "alice", recipient], MAIL).code(0);
        world.run_once();
    });
}

/// Kills a runner at each call while it delivers what was made ready.
fn kill_at_each_call(flushes: Flushes, isp: &Provider, make_ready: impl Fn(&World, &str)) {
    let first = World::at_home(isp).with_flushes(flushes);
    make_ready(&first, "bob@away.example");
    let points = points::of_run(&first, "spool", POSTRIDER, &["flush"], b"");
    let mut twice = 0;
    for (at, point) in points.iter().enumerate() {
        let world = World::at_home(isp).with_flushes(flushes);
        let recipient = format!("r{at}@away.example");
        make_ready(&world, &recipient);
        let fault = format!("{}:signal=SIGKILL:when={}", point.call, point.number);
        run(inject(&world, &fault, POSTRIDER, &["flush"]), b"");
        world.postrider(&["flush"]);
        let count = arrived(isp, &recipient);
        assert!((1..=2).contains(&count), "{point:?}: arrived {count} times; queue {:?}", world.queued());
        assert!(world.queued().is_empty() && world.spool("failed").is_empty(), "{point:?}: left behind");
        assert!(world.spool("queue").is_empty(), "{point:?}: {:?}", world.spool("queue"));
        assert_eq!(world.history().len(), 1, "{point:?}: one line of history");
        twice += usize::from(count == 2);
    }
    println!("runner killed at {} points: all arrived, {twice} of them twice", points.len());
}

#[test]
fn a_recovery_killed_at_any_system_call_and_once_more_loses_nothing_and_sends_once() {
    if is_skipped() {
        return;
    }
    let isp = Provider::start();
    let left_behind = |recipient: &str| {
        let world = World::at_home(&isp).with_flushes(Flushes::One);
        world.sendmail(&["-i", "-f", "alice", recipient], MAIL).code(0);
        let (queue, id) = (world.path("spool/queue"), world.queued().remove(0));
        fs::rename(queue.join(&id), queue.join(format!(".new-{id}"))).unwrap();
        world
    };
    // It looks, and delivers nothing.
    let look = ["queue", "list"];
    let points = points::of_run(&left_behind("bob@away.example"), "spool", POSTRIDER, &look, b"");
    for (at, point) in points::chosen(&points).into_iter().enumerate() {
        let recipient = format!("r{at}@away.example");
        let world = left_behind(&recipient);
        let fault = format!("{}:signal=SIGKILL:when={}", point.call, point.number);
        for _ in 0..2 {
            run(inject(&world, &fault, POSTRIDER, &look), b"");
        }
        world.postrider(&["flush"]);
        assert_eq!(arrived(&isp, &recipient), 1, "{point:?}");
        assert!(world.spool("queue").is_empty() && world.spool("failed").is_empty(), "{point:?}: left behind");
    }
    println!("recovery killed twice at each of {} points: all arrived once", points.len());
}

/// Stores a mail to bob behind one that was delivered, and takes this long between the sync and the final name.
fn slow_writer(world: &World, delay: Duration) -> Child {
    world.send_to(&["first@away.example"]).code(0);
    world.drain();
    let fault = format!("renameat2:delay_enter={}", delay.as_micros());
    let mut command = inject(world, &fault, SENDMAIL, &["-i", "-f", "alice", "bob@away.example"]);
    command.stdin(fs::File::open(world.file("mail", std::str::from_utf8(MAIL).unwrap(), 0o600)).unwrap());
    command.spawn().unwrap()
}

#[test]
fn mail_that_is_just_being_stored_is_left_to_its_writer() {
    if is_skipped() {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp).with_flushes(Flushes::One);
    let mut writer = slow_writer(&world, Duration::from_secs(3));
    let hidden = || world.spool("queue").iter().any(|path| path.to_string_lossy().contains("/.new-"));
    wait_for("the hidden name", hidden);
    world.run_once();
    assert!(isp.mails().len() == 1 && hidden(), "nobody was told that it is stored");
    assert!(writer.wait().unwrap().success());
    world.run_once();
    assert_eq!(arrived(&isp, "bob@away.example"), 1);
}

#[test]
fn a_writer_whose_message_was_given_its_name_by_another_reports_success() {
    if is_skipped() {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp).with_flushes(Flushes::One);
    let mut writer = slow_writer(&world, Duration::from_secs(1));
    let hidden = || world.spool("queue").into_iter().find(|path| path.to_string_lossy().contains("/.new-"));
    wait_for("the hidden name", || hidden().is_some());
    let path = hidden().unwrap();
    let id = path.to_string_lossy().replace("/.new-", "/");
    fs::rename(path, id).unwrap();
    assert!(writer.wait().unwrap().success());
    world.run_once();
    assert_eq!((arrived(&isp, "bob@away.example"), world.history().len()), (1, 2));
}

#[test]
fn a_hundred_that_store_at_once_beside_a_runner_are_all_delivered_once() {
    let isp = Provider::start();
    let world = World::at_home(&isp).with_flushes(Flushes::One);
    let runner = world.runner();
    std::thread::scope(|scope| {
        for number in 0..100 {
            let (world, to) = (&world, format!("r{number}@away.example"));
            scope.spawn(move || world.sendmail(&["-i", "-f", "alice", &to], MAIL).code(0));
        }
    });
    wait_for("all mail", || isp.received() == 100);
    wait_for("an empty queue", || world.spool("queue").is_empty());
    drop(runner);
    assert!((0..100).all(|number| arrived(&isp, &format!("r{number}@away.example")) == 1));
}
