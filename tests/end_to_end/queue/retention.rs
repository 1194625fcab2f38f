//! What is kept, and that nothing grows without bound: history by days, filtered and aged out;
//! what the runner keeps for itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use jiff::{Timestamp, ToSpan as _};

use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::World;

#[test]
fn history_is_kept_for_as_long_as_the_config_says_and_is_filtered_by_all_that_is_asked() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp).queue_set("history", "30d");
    for (from, to) in
        [("alice", "bob@away.example"), ("his@home.lan", "carol@away.example"), ("alice", "nobody@away.example")]
    {
        world.sendmail(&["-i", "-f", from, to], "Subject: x\n\nx\n").code(0);
    }
    world.drain();
    let told = |args: &[&str]| world.postrider(&[&["history", "--json"], args].concat()).code(0).stdout.lines().count();
    let id = world.history()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(told(&[]), 4, "and the bounce");
    for (args, expected) in [
        (&["--sender", "ALICE@home.lan"][..], 2),
        (&["--sender", ""], 1),
        (&["--recipient", "carol@away.example"], 1),
        (&["--sender", "alice@home.lan", "--recipient", "carol@away.example"], 0),
        (&["--since", "1h"], 4),
        (&["--until", "1h"], 0),
        (&["--since", "2020-01-01", "--until", "2020-01-02"], 0),
        (&[&id], 1),
    ] {
        assert_eq!(told(args), expected, "{args:?}");
    }
    world.postrider(&["history", "--since", "yesterday"]).code(64).one_line();
    let days = |days: i64| (Timestamp::now() - (days * 24).hours()).to_string()[..10].to_owned();
    let old = [days(40), days(20)];
    for day in &old {
        world.file(&format!("spool/history/{day}.jsonl"), "{}\n", 0o600);
    }
    // Runners have counted for seventy days since they first saw them.
    let clock = world.path("spool/clock");
    let mut reading: serde_json::Value = serde_json::from_str(&fs::read_to_string(&clock).unwrap()).unwrap();
    reading["counted"] = (70_i64 * 86_400_000).into();
    fs::write(clock, reading.to_string()).unwrap();
    let seen: serde_json::Map<_, _> = old.iter().map(|day| (format!("history/{day}.jsonl"), 0.into())).collect();
    fs::write(world.path("spool/kept.json"), serde_json::Value::from(seen).to_string()).unwrap();
    world.run_once();
    let names: Vec<_> =
        world.spool("history").iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert!(!names.contains(&days(40)) && names.contains(&days(20)) && names.contains(&days(0)), "{names:?}");
}

#[test]
fn mail_that_has_left_leaves_nothing_but_its_history() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp);
    let send = |round: usize| {
        for number in 0..8 {
            let to = format!("{}{number}@away.example", if number % 2 == 0 { "nobody" } else { "bob" });
            world.sendmail(&["-i", "-f", &format!("s{round}{number}@home.lan"), &to], "Subject: x\n\nx\n").code(0);
        }
        world.drain();
    };
    let kept = || {
        let files = fs::read_dir(world.path("spool")).unwrap().map(|entry| entry.unwrap());
        let mut sizes: Vec<_> = files
            .filter(|entry| {
                entry.file_type().unwrap().is_file()
                    && entry.file_name() != "reports.json"
                    && entry.file_name() != "kept.json"
            })
            .map(|entry| (entry.file_name(), entry.metadata().unwrap().len() / 1024))
            .collect();
        sizes.sort();
        sizes
    };
    send(0);
    let before = kept();
    for round in 1..4 {
        send(round);
    }
    assert_eq!(kept(), before);
    assert!(world.spool("queue").is_empty() && world.spool("failed").is_empty());
    assert_eq!(world.spool("history").len(), 1);
    // Who had a report is forgotten an hour later.
    let reports = fs::read_to_string(world.path("spool/reports.json")).unwrap();
    assert_eq!(reports.matches('@').count(), 16, "{reports}");
}

#[test]
fn a_message_that_has_left_and_is_there_again_is_not_sent_again() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    let file = world.spool("queue").pop().unwrap();
    let content = fs::read(&file).unwrap();
    world.run_once();
    // A power cut has undone the removal, and whatever the runner wrote at its end.
    let comes_again = || {
        fs::write(&file, &content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    };
    comes_again();
    fs::remove_file(world.path("spool/left.json")).unwrap();
    world.run_once();
    assert_eq!((isp.received(), world.queued().len(), world.history().len()), (1, 0, 1));

    // As long as history cannot be read, it waits; what came later does not.
    comes_again();
    fs::remove_file(world.path("spool/left.json")).unwrap();
    let unreadable = world.path("spool/history/2020-01-01.jsonl");
    fs::create_dir(&unreadable).unwrap();
    for round in 1..3 {
        let runner = world.runner().ready(&world);
        world.send_to(&["carol@away.example"]).code(0);
        wait_for("the later mail", || isp.received() == 1 + round);
        wait_for("the earlier one alone to be left", || world.queued().len() == 1);
        drop(runner);
        assert!(!world.path("spool/left.json").exists(), "nobody says that history was read");
    }
    fs::remove_dir(&unreadable).unwrap();
    world.run_once();
    assert_eq!((isp.received(), world.queued().len(), world.history().len()), (3, 0, 3));
    assert!(world.path("spool/left.json").exists());
}
