//! Clocks that jump under running programs, hours either way and fifty years: nothing bounces,
//! nobody is told of a delay, and nothing stalls. libfaketime moves the wall clock; the boot
//! clock, which the queue goes by, stays.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use support::need::skip;
use support::provider::{Provider, Verb, greeting, on};
use support::wait::wait_for;
use support::world::{Runner, World, run};

const MAIL: &[u8] = b"Subject: in time\n\none\n";

/// Where the clock stands at first, and where it jumps to: a board without a battery is the last.
const JUMPS: [(&str, &str); 5] = [("+0", "+5h"), ("+0", "-5h"), ("+0", "+50y"), ("+0", "-50y"), ("-50y", "+0")];

fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
    let found = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1")).find(|path| path.exists());
    if found.is_none() {
        skip("faketime is not installed, and it moves the clock");
    }
    found
}

/// A machine whose wall clock is set by hand.
struct Clocked {
    world: World,
    library: PathBuf,
}

impl Clocked {
    fn new(world: World, library: PathBuf, offset: &str) -> Self {
        let clocked = Self { world, library };
        clocked.set(offset);
        clocked
    }

    fn set(&self, offset: &str) {
        self.world.file("wall", offset, 0o600);
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.world.command(program, args);
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", self.world.path("wall"));
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }

    /// By the program that is linked dynamically: nobody's library gets into the front end alone.
    fn send(&self, from: &str, to: &str) {
        let arguments = ["sendmail", "-i", "-f", from, to];
        run(self.command(env!("CARGO_BIN_EXE_postrider"), &arguments), MAIL).code(0);
    }

    fn runner(&self, name: &str) -> Runner {
        Runner::start(self.command(env!("CARGO_BIN_EXE_postrider"), &["run"]), self.world.path(name)).ready(&self.world)
    }
}

/// All of them at the same time: they wait for most of it.
fn at_each_jump(test: impl Fn(&str, &str, PathBuf) + Sync) {
    let Some(library) = library() else { return };
    std::thread::scope(|scope| {
        for (before, after) in JUMPS {
            let (test, library) = (&test, library.clone());
            scope.spawn(move || test(before, after, library));
        }
    });
}

fn attempts(isp: &Provider, to: &str) -> usize {
    isp.transcript().matches(&format!("RCPT TO:<{to}>")).count()
}

#[test]
fn a_clock_that_jumps_neither_bounces_nor_stalls_anything() {
    at_each_jump(|before, after, library| {
        let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
        let world = World::at_home(&isp).queue_set("retry_min", "1s").queue_set("retry_max", "1s");
        let clocked = Clocked::new(world, library, before);
        clocked.send("alice", "before@away.example");
        let mut runner = clocked.runner("first.log");
        wait_for("the first attempts", || attempts(&isp, "before@away.example") >= 2);
        clocked.set(after);
        // More of them than it takes to expire.
        let so_far = attempts(&isp, "before@away.example");
        wait_for("the retries to go on", || attempts(&isp, "before@away.example") >= so_far + 5);
        clocked.send("alice", "after@away.example");
        wait_for("what came after the jump to be tried again", || attempts(&isp, "after@away.example") >= 2);
        // As after a restart, which has nothing but the spool to go by.
        runner.signal(Signal::KILL);
        runner.end();
        let (old, new) = (attempts(&isp, "before@away.example"), attempts(&isp, "after@away.example"));
        let _runner = clocked.runner("second.log");
        wait_for("both to be tried by the next runner", || {
            attempts(&isp, "before@away.example") > old && attempts(&isp, "after@away.example") > new
        });
        let status = run(clocked.command(env!("CARGO_BIN_EXE_postrider"), &["status", "--json"]), b"");
        let report: Value = serde_json::from_str(&status.stdout).unwrap();
        let bad = report["reasons"].as_array().unwrap().iter().filter(|reason| reason["level"] != 0);
        // Nothing is wrong but the clock itself.
        assert!(bad.clone().all(|reason| reason["kind"] == "clock"), "{before} to {after}: {report}");
        assert_eq!(
            (isp.received(), clocked.world.queued().len()),
            (0, 2),
            "{before} to {after}: nobody is told of anything"
        );
        isp.behave();
        wait_for("both mails", || isp.received() == 2 && clocked.world.queued().is_empty());
        assert!(clocked.world.spool("failed").is_empty(), "{before} to {after}");
    });
}

#[test]
fn a_relay_in_trouble_is_probed_again_whatever_the_clock_says_meanwhile() {
    at_each_jump(|before, after, library| {
        let isp = Provider::setup().rule(greeting().reply_and_close("421 4.3.2 closed for now")).start();
        let world = World::at_home(&isp).queue_set("retry_min", "1s").queue_set("retry_max", "1s");
        let clocked = Clocked::new(world, library, before);
        clocked.send("alice", "bob@away.example");
        let mut runner = clocked.runner("first.log");
        wait_for("the first probe", || isp.connections() >= 1);
        clocked.set(after);
        let so_far = isp.connections();
        wait_for("more of them", || isp.connections() >= so_far + 2);
        runner.signal(Signal::KILL);
        runner.end();
        let _runner = clocked.runner("second.log");
        isp.behave();
        wait_for("the mail", || isp.received() == 1 && clocked.world.queued().is_empty());
    });
}

/// Whether a program can be started whose boot clock is ahead.
fn can_sleep() -> bool {
    let probe = Command::new("unshare").args(["--time", "--boottime", "60", "--fork", "true"]).output();
    probe.is_ok_and(|probe| probe.status.success()) || skip("no time namespace can be made here")
}

#[test]
fn a_laptop_that_slept_for_a_week_tells_of_the_delay_and_gives_nothing_up_yet() {
    let Some(library) = library().filter(|_| can_sleep()) else { return };
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("bob").reply("450 4.2.0 not now")).start();
    let clocked = Clocked::new(World::at_home(&isp), library, "+0");
    clocked.send("alice", "bob@away.example");
    let mut runner = clocked.runner("first.log");
    wait_for("the first attempt", || {
        attempts(&isp, "bob@away.example") == 1 && clocked.world.mailq().contains("not now")
    });
    runner.signal(Signal::KILL);
    runner.end();
    // Both clocks have gone on for seven days; the lifetime is five.
    clocked.set("+7d");
    let mut command = clocked.command("unshare", &["--time", "--boottime", "604800", "--fork", "--kill-child"]);
    command.args([env!("CARGO_BIN_EXE_postrider"), "run"]);
    let _runner = Runner::start(command, clocked.world.path("second.log"));
    wait_for("the notice of the delay", || isp.received() == 1);
    let notice = isp.mail().text();
    assert!(notice.contains("Action: delayed") && notice.contains("bob@away.example"), "{notice}");
    wait_for("the notice to leave the queue", || clocked.world.queued().len() == 1);
    assert_eq!(attempts(&isp, "bob@away.example"), 2);
    assert!(clocked.world.history().iter().all(|record| record["sender"] == ""), "nothing but the notice has left");
    isp.behave();
    clocked.world.flush();
    wait_for("the mail", || isp.received() == 2);
}

#[test]
fn no_clock_deletes_what_is_kept_and_time_that_was_counted_does() {
    let Some(library) = library().filter(|_| can_sleep()) else { return };
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp).queue_set("history", "30d");
    let clocked = Clocked::new(world, library, "+0");
    clocked.send("<>", "bob@away.example");
    let postrider = env!("CARGO_BIN_EXE_postrider");
    let once = |command: Command| drop(run(command, b"").code(0));
    once(clocked.command(postrider, &["run", "--once"]));
    let kept = || (clocked.world.spool("history").len(), clocked.world.spool("failed").is_empty());
    assert_eq!(kept(), (1, false));
    for wrong in ["+139d", "+50y", "+0"] {
        clocked.set(wrong);
        // As if the machine had been started with that clock.
        let reading = fs::read_to_string(clocked.world.path("spool/clock")).unwrap();
        let mut reading: serde_json::Value = serde_json::from_str(&reading).unwrap();
        reading["boot"] = "another".into();
        fs::write(clocked.world.path("spool/clock"), reading.to_string()).unwrap();
        for _ in 0..2 {
            once(clocked.command(postrider, &["run", "--once"]));
        }
        assert_eq!(kept(), (1, false), "{wrong}");
    }
    // The queue's time does not go back, so that the wall's decides.
    clocked.set("+100d");
    let args = ["--time", "--boottime", "8640000", "--fork", "--kill-child", postrider, "run", "--once"];
    once(clocked.command("unshare", &args));
    assert_eq!(kept(), (0, true));
}
