//! A disk that stays full while the runner has something to record: it keeps what it knows,
//! sends nothing more, goes on by itself, and can still be ended.

use rustix::process::Signal;

use support::points::{inject, is_skipped};
use support::provider::Provider;
use support::wait::wait_for;
use support::world::{Runner, World, kill};

/// A runner whose journals cannot be synced.
fn runner(world: &World, which: &str) -> Runner {
    let fault = format!("fdatasync:error=ENOSPC{which}");
    let command = inject(world, &fault, env!("CARGO_BIN_EXE_postrider"), &["run"]);
    Runner::start(command, world.path("full.log"))
}

fn send(world: &World, recipient: &str) {
    world.send_to(&[recipient]).code(0);
}

#[test]
fn an_outcome_that_cannot_be_recorded_stops_all_sending_and_a_signal_still_ends_the_runner() {
    if is_skipped() {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp);
    send(&world, "bob@away.example");
    let mut runner = runner(&world, "");
    wait_for("the mail", || isp.received() == 1);
    wait_for("the complaint", || runner.log().contains("kept in memory"));
    send(&world, "carol@away.example");
    // The first one is active until its outcome is on disk.
    wait_for("the second to be taken up", || {
        world.queue_json().iter().filter(|one| one["queue_name"] == "active").count() == 2
    });
    assert_eq!(isp.received(), 1, "{}", runner.log());
    let pid = std::fs::read_to_string(world.path("spool/lock")).unwrap().trim().parse().unwrap();
    kill(pid, Signal::TERM).unwrap();
    assert_eq!(runner.end(), Some(0), "{}", runner.log());
    world.flush();
    // The first perhaps twice: whether its outcome outlived the process, the system knows.
    assert!((2..=3).contains(&isp.received()) && world.queued().is_empty(), "{} arrived", isp.received());
}

#[test]
fn when_there_is_room_again_the_runner_goes_on_and_nothing_is_sent_twice() {
    if is_skipped() {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp);
    send(&world, "bob@away.example");
    let runner = runner(&world, ":when=1..3");
    wait_for("the recovery", || runner.log().contains("is writable again"));
    send(&world, "carol@away.example");
    wait_for("the queue to be empty", || world.queued().is_empty());
    assert_eq!(isp.received(), 2, "{}", runner.log());
}
