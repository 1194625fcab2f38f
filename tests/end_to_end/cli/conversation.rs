//! The conversation for people: `flush -v` and `sendmail -v` show it as `test` does, secrets masked, and only that of
//! the messages that they are about.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;

use serde_json::json;

use support::provider::{Gate, Provider, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::{World, run};

/// The steps that everybody who watches is shown.
#[track_caller]
fn shows_the_conversation(told: &str) {
    for step in [
        "- connected to 127.0.0.1[127.0.0.1]:",
        "< 220 scripted.example",
        "> EHLO homebox.home.lan",
        "> STARTTLS",
        "TLSv1.3",
        "SHA-256 fingerprint",
        "> AUTH PLAIN (secret)",
        "< 235",
        "> MAIL FROM:<me@isp.example>",
        "> RCPT TO:<bob@away.example>",
    ] {
        assert!(told.contains(step), "{step}:\n{told}");
    }
    // "\0hisaccount\0correct horse", as it is on the wire.
    for secret in ["horse", "AGhpc2FjY291bnQAY29ycmVjdCBob3JzZQ=="] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
fn test_and_flush_show_the_same_conversation() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    shows_the_conversation(
        &world.postrider(&["test", "-v", "--to", "bob@away.example", "--from", "me@isp.example"]).code(0).stdout,
    );
    world.send_to(&["bob@away.example"]).code(0);
    shows_the_conversation(&world.postrider(&["flush", "-v"]).code(0).stdout);
}

#[test]
fn sendmail_shows_it_on_a_terminal_and_nothing_elsewhere() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let input = "From: alice\nTo: bob@away.example\n\ntext\n";
    let quiet = world.sendmail(&["-v", "-i", "-f", "alice", "--", "bob@away.example"], input).code(0);
    assert_eq!(quiet.stdout, "", "a pipe is no terminal");
    assert_eq!(isp.received(), 0, "and changes nothing");
    world.flush().code(0);
    if !Command::new("script").arg("--version").output().is_ok_and(|ended| ended.status.success()) {
        eprintln!("skipped: there is no script(1) to make a terminal");
        return;
    }
    let call = format!("{} -v -i -f alice -- bob@away.example", env!("CARGO_BIN_EXE_sendmail"));
    world.file("input", input, 0o600);
    let call = format!("{call} < {}", world.path("input").display());
    let ran = run(world.command("script", &["-qefc", &call, "/dev/null"]), b"").code(0);
    shows_the_conversation(&ran.stdout);
    assert_eq!((isp.received(), world.queued().len()), (2, 0));
}

#[test]
fn a_flush_shows_only_the_sessions_of_its_own_messages() {
    let gate = Gate::closed();
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("bob").once().reply("450 4.2.0 later"))
        .rule(after_dot().once().behind(&gate))
        .start();
    // One session carries all three.
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(1))]);
    let _runner = world.runner().ready(&world);
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the first attempt", || world.queue_json()[0]["attempts"] == json!(1));
    world.send_to(&["carol@away.example"]).code(0);
    wait_for("the final dot", || isp.dots() == 1);
    world.send_to(&["dave@away.example"]).code(0);
    // Named, so that the process can be found by its arguments: others' memory is private, also to their owner.
    let config = world.path("config.toml");
    let call = ["flush", "-v", "--recipient", "bob@away.example", "--config", config.to_str().unwrap()];
    let told = std::thread::scope(|scope| {
        let flush = scope.spawn(|| world.postrider(&call).code(0).stdout);
        let is_flush =
            |pid: &i32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|told| told.ends_with(b"config.toml\0"));
        wait_for("the flush to be there", || world.processes().iter().any(is_flush));
        gate.open();
        flush.join().unwrap()
    });
    assert!(told.contains("> RCPT TO:<bob@away.example>") && told.contains("1 delivered"), "{told}");
    assert!(!told.contains("carol") && !told.contains("dave"), "{told}");
}

#[test]
fn who_asks_for_results_alone_is_sent_no_conversation() {
    for (detail, steps) in [("results", false), ("conversation", true)] {
        let isp = Provider::setup().rule(on(Verb::Rcpt).once().reply("450 4.2.0 later")).start();
        let world = World::at_home(&isp);
        let _runner = world.runner();
        world.send_to(&["bob@away.example"]).code(0);
        wait_for("the message to wait", || {
            world.queue_json().iter().any(|message| message["queue_name"] == "deferred")
        });
        let mut socket = UnixStream::connect(world.path("spool/control")).unwrap();
        writeln!(socket, "{}", json!({ "v": 1, "verb": "flush", "detail": detail })).unwrap();
        let mut told = String::new();
        socket.read_to_string(&mut told).unwrap();
        assert!(told.contains(r#""event":"result""#), "{told}");
        assert_eq!(told.contains(r#""event":"step""#), steps, "{told}");
    }
}
