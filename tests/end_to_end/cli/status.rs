//! `postrider status`: whatever keeps mail from flowing is a reason with its kind, and gone when it is over.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;
use serde_json::{Value, json};

use support::need;
use support::provider::{Provider, Verb, greeting, on};
use support::wait::wait_for;
use support::world::{World, is_root, run};

/// What is printed as JSON, which agrees with the exit code.
fn report(world: &World) -> Value {
    let ran = world.postrider(&["status", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout));
    assert_eq!(report["level"].as_i64(), ran.status.map(i64::from), "{report}");
    report
}

/// The level, and the reasons of this kind.
fn reasons(world: &World, kind: &str) -> (i64, Vec<Value>) {
    let report = report(world);
    let all = report["reasons"].as_array().unwrap();
    let of_kind = all.iter().filter(|reason| reason["kind"] == kind).cloned().collect();
    (report["level"].as_i64().unwrap(), of_kind)
}

/// The only reason of this kind; the report is as bad as it is.
pub fn reason(world: &World, level: i64, kind: &str) -> Value {
    let (worst, mut found) = reasons(world, kind);
    assert_eq!((worst, found.len()), (level, 1), "{kind}: {found:?} in {}", report(world));
    let reason = found.remove(0);
    assert_eq!(reason["level"], level, "{reason}");
    let line = world.postrider(&["status"]).code(i32::try_from(level).unwrap()).stdout;
    // Figures in it may change from one look to the next.
    let words = reason["text"].as_str().unwrap().split(": ").next().unwrap();
    assert!(line.contains(words), "{line} lacks {reason}");
    reason
}

pub fn is_well(world: &World) {
    let report = report(world);
    assert_eq!((&report["level"], report["reasons"].as_array().unwrap().len()), (&json!(0), 0), "{report}");
}

#[test]
fn a_full_disk_is_critical_at_once() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    let world = world.queue_set("min_free_space", "10000TB");
    assert!(reason(&world, 2, "space")["text"].as_str().unwrap().contains("must stay free"));
    is_well(&world.queue_set("min_free_space", "1MB"));
}

#[test]
fn an_account_whose_provider_accepts_no_passwords_any_more_is_a_warning_until_it_uses_tokens() {
    let world = World::at_home(&Provider::start());
    let world = world.account_keys("isp", &[("relay", json!("[smtp-mail.outlook.com]:587"))]);
    let found = reason(&world, 1, "password");
    assert!(found["text"].as_str().unwrap().contains("accepts no passwords since 2024-09-16"), "{found}");
    assert!(found["cure"].as_str().unwrap().contains("OAuth 2.0"), "{found}");
    let checked = world.postrider(&["check"]).code(1).stdout;
    assert!(checked.contains("accepts no passwords since 2024-09-16"), "{checked}");
    is_well(&world.account_keys("isp", &[("auth", json!(["xoauth2"]))]));
}

#[test]
fn a_table_that_cannot_be_read_is_critical_before_any_mail_needs_it() {
    let world = World::at_home(&Provider::start()).set("aliases", "aliases").set("virtual", "virtual");
    world.table("virtual", "");
    let found = reason(&world, 2, "table");
    assert!(found["subject"].as_str().unwrap().ends_with("/aliases"), "{found}");
    assert!(found["text"].as_str().unwrap().contains("cannot read table"), "{found}");
    world.table("aliases", "");
    is_well(&world);
    fs::remove_file(world.path("virtual")).unwrap();
    assert!(reason(&world, 2, "table")["subject"].as_str().unwrap().ends_with("/virtual"));
}

#[test]
fn a_generic_table_that_cannot_be_read_is_critical_too() {
    let world = World::at_home(&Provider::start()).set("generic", "generic");
    assert!(reason(&world, 2, "table")["subject"].as_str().unwrap().ends_with("/generic"));
}

#[test]
fn an_account_that_needs_its_owner_is_critical_and_says_since_when() {
    let isp = Provider::setup().rule(on(Verb::Auth).once().reply("535 5.7.8 wrong")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    let found = reason(&world, 2, "account");
    assert_eq!(found["subject"], "isp");
    let (text, cure) = (found["text"].as_str().unwrap(), found["cure"].as_str().unwrap());
    assert!(cure.contains("postrider password set isp") && !text.contains("postrider password set"), "{found}");
    assert!(text.contains("535 5.7.8 wrong"), "{found}");
    let shown = world.postrider(&["status"]).code(2).stdout;
    assert_eq!(shown.matches("postrider password set isp").count(), 1, "{shown}");
    found["since"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    // One login for each config.
    let world = world.queue_set("warn_after", "3h");
    world.flush().code(0);
    is_well(&world);
}

#[test]
fn the_cure_of_an_account_s_trouble_is_told_apart_whatever_the_stage() {
    for (rule, cure) in [
        (on(Verb::Auth).reply("534 5.7.9 Application-specific password required"), "created on its security page"),
        (greeting().say(b"* OK IMAP4 ready\r\n"), "use port 587"),
        (greeting().say(b"+OK POP3 ready\r\n"), "use port 587"),
    ] {
        let isp = Provider::setup().rule(rule).start();
        let world = World::at_home(&isp);
        world.send_to(&["bob@away.example"]).code(0);
        world.run_once();
        let found = reason(&world, 2, "account");
        let (text, told) = (found["text"].as_str().unwrap(), found["cure"].as_str().unwrap());
        assert!(told.contains(cure) && !text.contains(cure), "{found}");
        isp.forgive();
    }
}

#[test]
fn a_relay_that_is_away_for_a_moment_is_named_but_no_cause_for_alarm() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("relay", json!("[127.0.0.1]:1"))]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    let (level, found) = reasons(&world, "relay");
    assert_eq!((level, found.len(), &found[0]["subject"]), (0, 1, &json!("isp")));
    // Nothing sends it again by itself in user mode.
    assert_eq!(reasons(&world, "runner").1.len(), 1);
    assert_eq!(report(&world)["queue"]["waiting"], 1);
}

#[test]
fn mail_that_is_late_is_a_warning_and_mail_in_failed_too() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    assert_eq!(report(&world)["level"], 0);
    let world = world.queue_set("warn_after", "0s");
    let late = reason(&world, 1, "late");
    assert!(late["since"].is_string(), "{late}");
    let world = world.queue_set("warn_after", "4h");
    world.file("spool/queue/0123456789ABCDEF", "no message", 0o600);
    assert_eq!(reason(&world, 2, "damaged")["text"], "1 message unreadable");
    world.run_once();
    assert_eq!(reason(&world, 1, "failed")["text"], "1 message in failed/");
    world.postrider(&["queue", "delete", "--failed"]).code(0).says("0123456789ABCDEF: deleted");
    assert_eq!(report(&world)["level"], 0, "{}", report(&world));
}

#[test]
fn mail_that_nobody_serves_is_critical() {
    let (isp, other) = (Provider::start(), Provider::start());
    let world =
        World::at_home(&isp).account("other", &other).account_keys("other", &[("senders", json!(["@work.example"]))]);
    world.sendmail(&["-f", "me@nowhere.example", "bob@away.example"], "\n").code(0);
    assert_eq!(reason(&world, 2, "unserved")["text"], "1 message without an account for the sender");
    world.postrider(&["queue", "delete", "--all"]).code(0);
    is_well(&world);
}

#[test]
fn mail_that_the_provider_rejects_for_its_sender_is_critical_and_names_the_cure() {
    let isp = Provider::setup().rule(on(Verb::Mail).once().reply("553 5.7.1 not owned by user")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    let rejected = reason(&world, 2, "rejected");
    assert!(rejected["cure"].as_str().unwrap().contains("generic"));
    assert!(
        rejected["text"].as_str().unwrap().ends_with("to fix or wait out: 553 5.7.1 not owned by user"),
        "{rejected}"
    );
    world.flush().code(0);
    is_well(&world);
}

#[test]
fn mail_to_local_users_without_an_address_is_critical_and_each_row_to_write_is_named() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp).generic(&[("@old.lan", "me@isp.example")]);
    for to in ["root", "root", "postmaster"] {
        world.send_to(&[to]).code(0);
    }
    world.run_once();
    let (level, found) = reasons(&world, "unmapped");
    let cures: Vec<&str> = found.iter().map(|reason| reason["cure"].as_str().unwrap()).collect();
    assert_eq!((level, cures.len()), (2, 2), "{found:?}");
    assert!(
        found.iter().any(|one| one["text"] == "2 messages to a local user for whom no address is known"),
        "{found:?}"
    );
    for name in ["root@home.lan", "postmaster@home.lan"] {
        assert!(cures.iter().any(|cure| cure.contains(&format!("\"{name}\" = "))), "{cures:?}");
    }
    let world = world.generic(&[("@home.lan", "me@isp.example")]);
    world.flush().code(0);
    is_well(&world);
}

#[test]
fn a_runner_that_does_not_answer_is_no_good_sign() {
    let world = World::at_home(&Provider::start());
    let mut runner = world.runner().ready(&world);
    is_well(&world);
    runner.signal(Signal::STOP);
    // Its threads stop one after the other.
    let words = "UNKNOWN: the runner does not answer; its process is stopped or has hung (restart it)";
    wait_for("status to say so", || {
        let ran = world.postrider(&["status"]);
        ran.status == Some(3) && ran.stdout.contains(words)
    });
    runner.signal(Signal::CONT);
    is_well(&world);
    runner.signal(Signal::TERM);
    runner.end();
}

#[test]
fn mail_that_somebody_asked_to_hold_is_no_cause_for_alarm() {
    let world = World::at_home(&Provider::start());
    world.send_to(&["bob@away.example"]).code(0);
    world.postrider(&["queue", "hold", "--all"]).code(0);
    is_well(&world);
    assert_eq!(report(&world)["queue"]["held"], 1);
}

#[test]
fn a_configuration_with_errors_or_without_one_is_critical_and_one_object_too() {
    let world = World::at_home(&Provider::start());
    world.send_to(&["bob@away.example"]).code(0);
    let good = fs::read_to_string(world.path("config.toml")).unwrap();
    // With a spool of its own: the default one is in the home directory of whoever runs the tests.
    world.file("config.toml", &format!("colour = 1\nspool = {:?}\n", world.path("spool")), 0o600);
    assert!(reason(&world, 2, "config")["text"].as_str().unwrap().contains("config.toml:1:"));
    assert_eq!(report(&world)["queue"]["waiting"], 1);
    world.file("config.toml", &good, 0o646);
    assert!(reason(&world, 2, "config")["cure"].as_str().unwrap().contains("chmod"));
    fs::remove_file(world.path("config.toml")).unwrap();
    let report = report(&world);
    assert_eq!((&report["level"], report.get("queue")), (&json!(2), Some(&Value::Null)), "{report}");
}

#[test]
fn a_user_without_an_account_is_told_once_how_to_get_one() {
    let world = World::at_home(&Provider::start());
    world.file("config.toml", &format!("spool = {:?}\n", world.path("spool")), 0o600);
    assert!(reason(&world, 1, "no-account")["cure"].as_str().unwrap().contains("postrider init"));
    let checked = world.postrider(&["check"]).code(78).stdout;
    assert_eq!(checked.lines().count(), 1, "{checked}");
}

#[test]
fn a_spool_that_is_no_folder_is_critical() {
    let world = World::at_home(&Provider::start());
    for name in ["spool", "spool/queue"] {
        world.file(name, "", 0o600);
        assert!(reason(&world, 2, "spool")["subject"].as_str().unwrap().contains("spool"));
        fs::remove_file(world.path(name)).unwrap();
        fs::create_dir_all(world.path("spool")).unwrap();
    }
}

#[test]
fn a_table_with_an_invalid_entry_is_critical_and_named_with_its_line() {
    for (key, kind, text, line) in [
        ("canonical", "regexp:", "# mine\n/^(bob/ bob@isp.example\n", 2),
        ("generic", "", "root\nalice me@isp.example\nbob\n", 1),
        ("aliases", "", "root: me@isp.example\nbob\n", 2),
        ("virtual", "", "bob@isp.example\n", 1),
    ] {
        let world = World::at_home(&Provider::start()).set(key, format!("{kind}table"));
        world.table("table", text);
        let found = reason(&world, 2, "table");
        let place = format!("{}:{line}: ", world.path("table").display());
        assert!(found["text"].as_str().unwrap().starts_with(&place), "{place}: {found}");
        assert_eq!(found["text"].as_str().unwrap().contains("(1 more"), key == "generic", "{found}");
        world.postrider(&["check"]).code(78).says(&place);
        world.table("table", "");
        is_well(&world);
    }
}

#[test]
fn an_account_that_cannot_be_used_is_critical_before_any_mail_needs_it() {
    let world = || World::at_home(&Provider::start());
    let missing = |world: World, value: Value| world.account_keys("isp", &[("password", value)]);
    let file = |text: &str| {
        let world = missing(world(), json!({ "file": "secret" }));
        world.file("secret", text, 0o600);
        world
    };
    for (world, kind, words) in [
        (missing(world(), json!({ "file": "secret" })), "password", "secret"),
        (file(""), "password", "is empty"),
        (missing(world(), json!({ "command": ["/no/such/program"] })), "password", "/no/such/program is not a program"),
        (missing(world(), json!({ "command": ["no-such-program"] })), "password", "no-such-program is not a program"),
        (world().account_keys("isp", &[("tls_ca", json!("none.pem"))]), "tls", "none.pem"),
    ] {
        let found = reason(&world, 2, kind);
        assert_eq!(found["subject"], "isp", "{found}");
        assert!(found["text"].as_str().unwrap().contains(words), "{found}");
        world.postrider(&["check"]).code(78).says(words);
        // Deliveries meet it as well: it is still said once.
        world.send_to(&["bob@away.example"]).code(0);
        world.run_once();
        let report = report(&world);
        let of_isp = report["reasons"].as_array().unwrap().iter().filter(|reason| reason["subject"] == "isp");
        assert_eq!(of_isp.count(), 1, "{report}");
    }
    let world = file("a password\n");
    is_well(&world);
}

#[test]
fn figures_are_for_pipes_and_for_those_who_ask() {
    let world = World::at_home(&Provider::start());
    assert!(world.postrider(&["status"]).code(0).stdout.contains(" | queued=0;"));
    let on_terminal = |arguments: &str| {
        let command = format!("NO_COLOR=1 {} status {arguments}", env!("CARGO_BIN_EXE_postrider"));
        run(world.command("script", &["-qefc", &command, "/dev/null"]), b"").stdout
    };
    if !need::installed("script") {
        need::skip("there is no script(1) to make a terminal");
        return;
    }
    assert_eq!(on_terminal("").trim_end(), "POSTRIDER OK: the queue is empty");
    assert!(on_terminal("--verbose").contains(" | queued=0;"));
}

#[test]
fn too_few_descriptors_are_told_and_no_message_is_called_unreadable() {
    let isp = Provider::setup().rule(on(Verb::Auth).reply("535 5.7.8 wrong")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    for descriptors in 4..12 {
        let limited = format!("--nofile={descriptors}");
        let ran = run(world.command("prlimit", &[&limited, env!("CARGO_BIN_EXE_postrider"), "status"]), b"");
        // Either it can be looked at, or not; never is something else the matter.
        assert!(!ran.stdout.contains("unreadable"), "{descriptors}: {ran:?}");
        assert!(ran.status != Some(2) || ran.stdout.contains("account isp"), "{descriptors}: {ran:?}");
        assert!(!matches!(ran.status, Some(0 | 1)), "{descriptors}: {ran:?}");
    }
    let ran = run(world.command("prlimit", &["--nofile=6", env!("CARGO_BIN_EXE_postrider"), "status", "--json"]), b"");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.status, &report["reasons"][0]["kind"]), (Some(3), &json!("unknown")), "{report}");
}

#[test]
fn what_was_said_of_a_relay_is_not_said_of_the_next_one() {
    let (isp, other) = (Provider::start(), Provider::start());
    let world = World::at_home(&isp).account_keys("isp", &[("relay", json!("[127.0.0.1]:1"))]);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(reasons(&world, "relay").1.len(), 1);
    let world = world.account("isp", &other);
    assert_eq!(reasons(&world, "relay").1, Vec::<Value>::new());
}

#[test]
fn a_part_of_the_spool_that_cannot_be_used_is_critical_and_named() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    let today = world.spool("history").remove(0);
    let today = today.strip_prefix(world.path("")).unwrap().to_str().unwrap().to_owned();
    for name in ["spool/history", "spool/failed", "spool/raw", "spool/drop", "spool/lock", &today] {
        let (path, aside) = (world.path(name), world.path("aside"));
        let is_there = fs::rename(&path, &aside).is_ok();
        // A file in place of a folder, and the other way round.
        if aside.is_file() {
            fs::create_dir(&path).unwrap();
        } else {
            fs::write(&path, "").unwrap();
        }
        let found = reason(&world, 2, "spool");
        assert_eq!(found["subject"], path.to_str().unwrap(), "{found}");
        assert!(report(&world)["queue"]["waiting"].is_number());
        world.postrider(&["check"]).code(78).says(path.to_str().unwrap());
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        if is_there {
            fs::rename(&aside, &path).unwrap();
        }
        is_well(&world);
    }
}

#[test]
fn a_folder_of_the_spool_without_rights_is_critical_and_fixed_by_the_command_that_is_named() {
    // Root may read every folder.
    if is_root() {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    for name in ["spool/history", "spool/failed"] {
        let path = world.path(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        let cure = format!("run \"chmod u+rwX {}\"", path.display());
        assert!(reason(&world, 2, "spool")["cure"].as_str().unwrap().ends_with(&cure));
        world.postrider(&["check"]).code(78).says(&cure);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        is_well(&world);
    }
}

#[test]
fn a_full_disk_is_critical_also_where_the_spool_is_still_to_be_created() {
    let world = World::at_home(&Provider::start()).queue_set("min_free_space", "10000TB");
    assert!(reason(&world, 2, "space")["text"].as_str().unwrap().contains("must stay free"));
    assert!(!world.path("spool").exists());
    world.send_to(&["bob@away.example"]).code(75);
}
