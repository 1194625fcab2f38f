//! Soak: mixed load for as long as `POSTRIDER_SOAK_SECONDS` says (5), while the provider
//! comes and goes and programs are killed at random. At the end an audit accounts for every
//! recipient of every message that was accepted, and the figures are printed.
//!
//! In the first half the runner is killed as well; in the second it lives on, so that its
//! descriptors and its memory can be watched.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must say so by panicking"
)]

mod audit;
mod load;
mod replies;
mod resources;

use std::time::{Duration, Instant};

use load::Load;
use resources::Watch;
use rustix::process::Signal;
use support::provider::{Provider, Rule, Verb, after_dot, during_content, greeting, on};
use support::random::{Random, number_from, seed};
use support::wait::wait_for;
use support::world::World;

/// Refuses whoever is named so.
fn ordinary(isp: &Provider) {
    isp.behave();
    isp.add(on(Verb::Rcpt).about("refused").reply("550 5.1.1 no such user here"));
}

/// A trouble of the provider's, until the next one; then somebody flushes, which brings the digests.
fn trouble(isp: &Provider, world: &World, random: &mut Random) {
    ordinary(isp);
    if random.below(2) == 0 {
        isp.add(on(Verb::Rcpt).about("deferred").reply("450 4.2.0 mailbox busy"));
    }
    let rule: Option<Rule> = match random.below(10) {
        0 => Some(greeting().reply_and_close("421 4.3.2 closing for maintenance")),
        1 => Some(greeting().close()),
        2 => Some(on(Verb::Mail).reset()),
        3 => Some(on(Verb::Data).first(3).reply("451 4.3.0 try later")),
        4 => Some(during_content().first(2).close()),
        5 => Some(after_dot().once().reset()),
        _ => None,
    };
    if let Some(rule) = rule {
        isp.add(rule);
    }
    world.flush();
}

#[test]
fn every_recipient_of_every_accepted_message_is_accounted_for() {
    let seconds = number_from("POSTRIDER_SOAK_SECONDS").unwrap_or(5);
    let seed = seed("POSTRIDER_SOAK_SEED");
    println!("POSTRIDER_SOAK_SECONDS={seconds} POSTRIDER_SOAK_SEED={seed}");
    let isp = Provider::start();
    ordinary(&isp);
    let world = World::at_home(&isp).queue_set("retry_min", "1s").queue_set("retry_max", "5s");
    let load = Load::new(&world);
    let (mut kills, mut troubles) = (0, 0);
    let start = Instant::now();
    let is_over = |part: u32| start.elapsed() * 4 >= Duration::from_secs(seconds) * part;
    let watch = std::thread::scope(|scope| {
        for worker in 1..=2 {
            let random = Random::from(seed.rotate_left(8 * worker));
            scope.spawn(|| load.keep_coming(random));
        }
        let mut random = Random::from(seed);
        let mut runner = world.runner().ready(&world);
        while !is_over(2) {
            std::thread::sleep(random.moment(1_000_000));
            if random.below(4) > 0 {
                runner.signal(Signal::KILL);
                runner.end();
                runner = world.runner().ready(&world);
                kills += 1;
            } else {
                trouble(&isp, &world, &mut random);
                troubles += 1;
            }
        }
        let mut watch = Watch::new(runner.pid());
        while !is_over(4) {
            std::thread::sleep(random.moment(300_000));
            if random.below(6) == 0 {
                trouble(&isp, &world, &mut random);
                troubles += 1;
            }
            watch.look(is_over(3));
        }
        load.end();
        watch
    });
    ordinary(&isp);
    wait_for("the queue to be emptied", || {
        // Three times unknown is held.
        world.postrider(&["queue", "release", "--all"]);
        world.flush();
        world.queued().is_empty()
    });
    let load = load.into_sums();
    println!(
        "soak: {} messages begun, {} accepted, {} front ends and {kills} runners killed, {troubles} changes of the provider",
        load.begun,
        load.accepted.len(),
        load.killed
    );
    println!("soak: {}", audit::audit(&isp, &world, &load.accepted));
    println!("soak: {}", watch.judge());
}
