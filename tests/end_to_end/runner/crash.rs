//! `kill -9` at random moments: of front ends while they store, of the runner while it
//! delivers. What `sendmail` said 0 to arrives, and nothing arrives torn.
//!
//! `POSTRIDER_CRASHES` says how many (200), `POSTRIDER_CRASH_SEED` repeats a failure's
//! random numbers.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use support::numbered::{is_whole, message};
use support::provider::Provider;
use support::random::{Random, number_from, seed};
use support::wait::wait_for;
use support::world::World;

fn start_sendmail(world: &World, input: String) -> Child {
    let mut command = world.command(env!("CARGO_BIN_EXE_sendmail"), &["-i", "-f", "alice", "bob@away.example"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Killed in the middle, it takes no more: that is no failure of the test.
    std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    child
}

struct Load<'a> {
    world: &'a World,
    accepted: Mutex<HashSet<String>>,
    sent: AtomicUsize,
    over: AtomicBool,
}

impl Load<'_> {
    /// Submits one message and kills the front end at that moment, if there is one; small messages and large ones.
    fn submit(&self, random: &mut Random, killed_after: Option<Duration>) {
        let name = format!("message-{}", self.sent.fetch_add(1, Ordering::SeqCst));
        let lines = if random.below(4) == 0 { random.below(20_000) } else { random.below(50) };
        let mut child = start_sendmail(self.world, message(&name, lines));
        if let Some(moment) = killed_after {
            std::thread::sleep(moment);
            child.kill().unwrap();
        }
        if child.wait().unwrap().success() {
            self.accepted.lock().unwrap().insert(name);
        } else {
            assert!(killed_after.is_some(), "a front end that nobody killed failed");
        }
    }

    /// Keeps the queue from running empty until the crashes are over.
    fn keep_coming(&self, mut random: Random) {
        while !self.over.load(Ordering::SeqCst) {
            self.submit(&mut random, None);
            wait_for("the runner to keep up", || self.over.load(Ordering::SeqCst) || self.world.queued().len() < 30);
        }
    }
}

/// What history, logs and spool say of these messages.
fn what_is_known(world: &World, subjects: &[&String]) -> String {
    let records = world.history().into_iter().filter(|one| subjects.iter().any(|subject| one["subject"] == ***subject));
    let records: Vec<_> = records.collect();
    let of_one = |line: &&str| records.iter().any(|record| line.contains(record["id"].as_str().unwrap()));
    let logs: Vec<String> = world.runner_logs().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let said: Vec<&str> = logs.iter().flat_map(|log| log.lines()).filter(of_one).collect();
    let left: Vec<PathBuf> = ["queue", "failed"].iter().flat_map(|folder| world.spool(folder)).collect();
    format!("history: {records:#?}\nlogs: {said:#?}\nspool: {left:?}")
}

#[test]
fn kill_minus_nine_at_random_moments_loses_and_tears_nothing() {
    let crashes = number_from("POSTRIDER_CRASHES").unwrap_or(200);
    let seed = seed("POSTRIDER_CRASH_SEED");
    // Shown only if the test fails.
    println!("POSTRIDER_CRASHES={crashes} POSTRIDER_CRASH_SEED={seed}");
    let mut random = Random::from(seed);

    let isp = Provider::start();
    let world = World::at_home(&isp);
    let load =
        Load { world: &world, accepted: Mutex::default(), sent: AtomicUsize::new(0), over: AtomicBool::new(false) };
    std::thread::scope(|scope| {
        let others = Random::from(seed.rotate_left(32));
        scope.spawn(|| load.keep_coming(others));
        let mut runner = world.runner();
        for _ in 0..crashes {
            if random.below(2) == 0 {
                let moment = random.moment(20_000);
                load.submit(&mut random, Some(moment));
            } else {
                std::thread::sleep(random.moment(60_000));
                runner.signal(Signal::KILL);
                runner.end();
                runner = world.runner();
            }
        }
        load.over.store(true, Ordering::SeqCst);
    });
    wait_for("the queue to be emptied", || {
        world.flush();
        world.queued().is_empty()
    });

    let mails = isp.mails();
    let torn: Vec<String> = mails.iter().filter(|mail| !is_whole(mail)).map(|mail| mail.field("Subject")).collect();
    assert!(torn.is_empty(), "torn: {torn:?}");
    let arrived: HashSet<String> = mails.iter().map(|mail| mail.field("Subject")).collect();
    let accepted = load.accepted.into_inner().unwrap();
    let lost: Vec<&String> = accepted.difference(&arrived).collect();
    assert!(lost.is_empty(), "accepted and lost: {lost:?}\n{}", what_is_known(&world, &lost));
    assert!(world.spool("failed").is_empty());
    // Most kills of front ends must hit one that is at work, else nothing was tested.
    assert!(accepted.len() < load.sent.into_inner(), "no front end was killed before it was done");
}
