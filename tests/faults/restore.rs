//! `postrider restore` killed at system calls, and given again: what the backup holds is there once, and is sent once.

use std::fs;
use std::path::Path;

use support::points::{self, inject, is_skipped};
use support::provider::{Provider, Verb, on};
use support::world::{World, run};

const POSTRIDER: &str = env!("CARGO_BIN_EXE_postrider");

fn new_machine() -> World {
    let world = World::new();
    fs::remove_file(world.path("config.toml")).unwrap();
    world
}

/// A backup of one message that two recipients wait for and one has, one that was never attempted, and one that was sent.
fn backup(isp: &Provider, file: &Path) {
    let old = World::at_home(isp);
    old.send_to(&["sent@away.example"]).code(0);
    old.drain();
    old.send_to(&["has@away.example", "late@away.example", "late2@away.example"]).code(0);
    old.run_once();
    old.send_to(&["new@away.example"]).code(0);
    old.postrider(&["backup", file.to_str().unwrap()]).code(0);
}

#[test]
fn a_restore_that_is_killed_and_repeated_sends_each_mail_once() {
    if is_skipped() {
        return;
    }
    let late = || on(Verb::Rcpt).about("late").reply("450 4.2.0 later");
    let isp = Provider::setup().rule(late()).start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("moved.tar");
    backup(&isp, &file);
    isp.behave();
    let args = ["restore", file.to_str().unwrap()];
    let points = points::of_run(&new_machine(), "spool", POSTRIDER, &args, b"");
    let mut killed = 0;
    for point in points::few(&points) {
        let (world, before) = (new_machine(), isp.received());
        let fault = format!("{}:signal=SIGKILL:when={}", point.call, point.number);
        killed += usize::from(run(inject(&world, &fault, POSTRIDER, &args), b"").status != Some(0));
        // What is there may be sent before anybody looks.
        if world.path("config.toml").exists() {
            world.postrider(&["flush"]);
        }
        world.postrider(&[&args[..], &["--replace"]].concat()).code(0);
        world.postrider(&["flush"]);
        world.drain();
        let to: Vec<String> = isp.mails()[before..].iter().flat_map(|mail| mail.to.clone()).collect();
        for (recipient, times) in [("new@", 1), ("late@", 1), ("late2@", 1), ("has@", 0), ("sent@", 0)] {
            let count = to.iter().filter(|to| to.starts_with(recipient)).count();
            assert_eq!(count, times, "{point:?}: {recipient}: {to:?}");
        }
        assert!(world.queued().is_empty(), "{point:?}");
        assert!(world.path("config.toml").exists(), "{point:?}");
    }
    assert!(killed > 0, "it was killed");
}
