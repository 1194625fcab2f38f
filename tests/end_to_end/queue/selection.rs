//! `queue hold|release|retry|delete` by id, sender, recipient, account and age, told as people
//! read it and as programs do; and the bar of a flush that somebody watches.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::{Value, json};

use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::World;

/// Three messages of two senders through two accounts; each with its id, the first chosen by all selections but age.
fn house(isp: &Provider) -> (World, [String; 3]) {
    let world = World::at_home(isp)
        .account_with("other", isp, &[("senders", json!(["her@home.lan"]))])
        .set("default_account", "isp");
    let send = |from: &str, to: &str| {
        world.sendmail(&["-i", "-f", from, to], "Subject: x\n\nx\n").code(0);
        world.queued().pop().unwrap()
    };
    let ids = [
        send("her@home.lan", "bob@away.example"),
        send("his@home.lan", "carol@away.example"),
        send("his@home.lan", "root"),
    ];
    (world, ids)
}

fn is_held(world: &World, id: &str) -> bool {
    world.mailq().contains(&format!("{id}!"))
}

#[test]
fn messages_are_changed_by_each_selection_beside_a_runner_and_without() {
    for beside_a_runner in [false, true] {
        let isp = Provider::setup().rule(on(Verb::Mail).reply("450 4.2.0 not now")).start();
        let (world, [first, second, third]) = house(&isp);
        let _runner = beside_a_runner.then(|| world.runner().ready(&world));
        world.flush();
        let selections: [&[&str]; 5] = [
            &[&first],
            &["--sender", "HER@home.lan"],
            &["--recipient", "bob@away.example"],
            &["--account", "other"],
            &["--account", "other", "--recipient", "bob@away.example", "--older", "0s"],
        ];
        for selection in selections {
            let change = |verb: &str| {
                let mut said = String::new();
                // While a runner attempts it, nobody may touch it.
                wait_for("it to be idle", || {
                    let ran = world.postrider(&[&["queue", verb, "--json"], selection].concat());
                    said = ran.stdout;
                    ran.status == Some(0)
                });
                let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert_eq!(lines, [json!({"event": "changed", "id": first})], "{verb} {selection:?}");
            };
            change("hold");
            assert!(is_held(&world, &first) && !is_held(&world, &second), "{selection:?}: {}", world.mailq());
            assert_eq!(world.queue_json()[0]["queue_name"], "hold");
            let held = world.postrider(&[&["queue", "retry", "--json"], selection].concat()).code(75).stdout;
            let held: Value = serde_json::from_str(&held).unwrap();
            assert_eq!((&held["event"], &held["id"]), (&json!("unchanged"), &json!(first)));
            assert!(held["reason"].as_str().unwrap().contains("queue release"), "{held}");
            change("release");
            assert!(!is_held(&world, &first), "{selection:?}");
        }
        // What must all hold, and what nothing fits.
        assert_eq!(
            world.postrider(&["queue", "hold", "--sender", "her@home.lan", "--recipient", "root"]).code(0).stdout,
            "no such message\n"
        );
        assert_eq!(world.postrider(&["queue", "hold", "--json", "--older", "1h"]).code(0).stdout, "");
        // By the name that it was given under, too.
        wait_for("root's to be held", || world.postrider(&["queue", "hold", "--recipient", "root"]).status == Some(0));
        assert!(is_held(&world, &third), "{}", world.mailq());
        let mut deleted = String::new();
        wait_for("both to be idle", || {
            let ran = world.postrider(&["queue", "delete", "--sender", "his@home.lan"]);
            deleted.push_str(&ran.stdout);
            ran.status == Some(0)
        });
        assert!(deleted.contains(&second) && deleted.contains(&third), "{deleted}");
        assert_eq!(world.queued(), std::slice::from_ref(&first));
        isp.behave();
        world.postrider(&["queue", "retry", "--all"]).code(0);
        world.flush();
        wait_for("the mail", || isp.received() == 1 && world.queued().is_empty());
    }
}

#[test]
fn the_members_of_json_listings_are_those_that_the_manual_names() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    let (world, [first, ..]) = house(&isp);
    world.flush();
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    for line in world.queue_json() {
        let expected = "queue_name queue_id arrival_time message_size forced_expire sender recipients account attempts next_attempt trouble subject sent_from uid";
        assert_eq!(members(&line), expected);
        assert!(members(&line["recipients"][0]).starts_with("address delay_reason"));
    }
    let shown: Value =
        serde_json::from_str(&world.postrider(&["queue", "show", "--json", &first]).code(0).stdout).unwrap();
    assert!(members(&shown).ends_with("uid envelope outcomes journal header body_octets"), "{}", members(&shown));
    assert_eq!(members(&shown["outcomes"][0]), "status code enhanced reply relay reason");
    isp.behave();
    world.flush();
    let record: Value =
        serde_json::from_str(world.postrider(&["history", "--json", &first]).code(0).stdout.trim()).unwrap();
    assert_eq!(
        members(&record),
        "id arrived finished sender submitted_sender uid size token crc32 message_id subject sent_from recipients"
    );
    assert_eq!(members(&record["recipients"][0]), "address relay account status dsn reply");
}

#[test]
fn a_flush_that_somebody_watches_has_a_bar_at_the_foot_of_the_terminal() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    for number in 0..4 {
        world.send_to(&[&format!("r{number}@away.example")]).code(0);
    }
    let (mut reader, shown) = support::terminal::pair();
    let mut command = world.command(env!("CARGO_BIN_EXE_postrider"), &["flush"]);
    command.env("TERM", "xterm").stdout(Stdio::from(shown)).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    // Once nobody has the other end any more, reading is an error.
    let mut seen = Vec::new();
    let _ = reader.read_to_end(&mut seen);
    assert!(child.wait().unwrap().success());
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert!(seen.contains("] 0/4") && seen.contains("] 3/4") && seen.contains("\r\u{1b}[K"), "{seen:?}");
    assert!(
        seen.matches("delivered").count() >= 4 && !seen.trim_end().ends_with("/4"),
        "lines stay, the bar goes: {seen:?}"
    );
    assert_eq!(isp.received(), 4);
}

#[test]
fn a_flush_that_meets_held_mail_only_says_so() {
    let world = World::at_home(&Provider::start());
    world.flush().code(0).says("the queue is empty");
    world.send_to(&["bob@away.example"]).code(0);
    world.send_to(&["carol@away.example"]).code(0);
    world.postrider(&["queue", "hold", "--all"]).code(0);
    let id = world.queued().remove(0);
    for beside_a_runner in [false, true] {
        let _runner = beside_a_runner.then(|| world.runner().ready(&world));
        world.flush().code(0).says("nothing to send: 2 messages are held; `postrider queue release` lets them go");
        let one = "nothing to send: 1 message is held; `postrider queue release` lets it go";
        world.postrider(&["flush", &id]).code(75).says(one);
        world.postrider(&["flush", "--recipient", "carol@away.example"]).code(0).says(one);
    }
}
