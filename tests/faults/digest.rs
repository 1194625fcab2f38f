//! `kill -9` while a digest is made: whoever was to be named in it is named, and at most
//! once more than once.

use support::points::{self, inject, is_skipped};
use support::provider::{Provider, Verb, on};
use support::world::{World, run};

const POSTRIDER: &str = env!("CARGO_BIN_EXE_postrider");

/// Three messages of which one is returned by itself and two wait for a digest.
fn storm(isp: &Provider, round: usize) -> World {
    let world = World::at_home(isp).queue_set("reports_per_hour", 1);
    for number in 0..3 {
        world.send_to(&[&format!("nobody{round}-{number}@away.example")]).code(0);
    }
    world.run_once();
    assert_eq!(world.queued().len(), 2);
    world
}

#[test]
fn a_runner_killed_while_it_makes_a_digest_still_tells_of_every_message() {
    if is_skipped() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    // From the digest's own file on.
    let points = points::of_run(&storm(&isp, 0), "O_TMPFILE", POSTRIDER, &["flush"], b"");
    let chosen = points::few(&points);
    let mut twice = 0;
    for (at, point) in chosen.iter().enumerate() {
        let world = storm(&isp, at + 1);
        let fault = format!("{}:signal=SIGKILL:when={}", point.call, point.number);
        run(inject(&world, &fault, POSTRIDER, &["flush"]), b"");
        world.flush();
        world.run_once();
        assert!(world.queued().is_empty() && world.spool("failed").is_empty(), "{point:?}: {}", world.mailq());
        for number in 0..3 {
            let name = format!("<nobody{}-{number}@away.example>:", at + 1);
            let told = isp.mails().iter().filter(|mail| mail.text().contains(&name)).count();
            assert!((1..=2).contains(&told), "{point:?}: {name} is told {told} times");
            twice += usize::from(told == 2);
        }
    }
    println!("digest: killed at {} of {} points, {twice} told twice", chosen.len(), points.len());
}
