//! `postrider backup` and `restore`: one file that holds all, which only whole backups can be put back from, and no mail that was sent.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::PathBuf;

use postrider::archive::ArchiveWriter;
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::World;

/// A machine with an account whose password is in a file beside its configuration, and a table.
fn machine(isp: &Provider) -> World {
    let (_, password) = isp.credential();
    let keys = [("password", serde_json::json!({ "file": "isp.password" }))];
    let world = World::new().account_with("isp", isp, &keys).set("generic", serde_json::json!(["hash:generic"]));
    world.file("isp.password", &format!("{password}\n"), 0o600);
    world.table("generic", "@home.lan me+home@isp.example\n");
    world
}

/// A machine on which nothing was set up.
fn new_machine() -> World {
    let world = World::new();
    fs::remove_file(world.path("config.toml")).unwrap();
    world
}

fn backup(world: &World) -> PathBuf {
    let file = world.path("moved.tar");
    world.postrider(&["backup", file.to_str().unwrap()]).code(0);
    file
}

fn restore(world: &World, file: &std::path::Path, more: &[&str]) -> support::world::Ran {
    world.postrider(&[&["restore", file.to_str().unwrap()], more].concat())
}

/// Everything in a machine but what its runners note for themselves.
fn everything(world: &World) -> Vec<(PathBuf, u64)> {
    fn list(dir: &std::path::Path, found: &mut Vec<(PathBuf, u64)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let about = entry.metadata().unwrap();
            found.push((entry.path(), if about.is_file() { about.size() } else { 0 }));
            if about.is_dir() {
                list(&entry.path(), found);
            }
        }
    }
    let mut found = Vec::new();
    list(&world.path(""), &mut found);
    found.sort();
    found
}

#[test]
fn a_moved_machine_sends_what_waited_and_nothing_that_was_sent() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("late").reply("450 4.2.0 later")).start();
    let old = machine(&isp);
    old.send_to(&["sent@away.example"]).code(0);
    old.drain();
    // One of its recipients has it already.
    old.send_to(&["first@away.example", "late@away.example"]).code(0);
    old.run_once();
    old.send_to(&["new@away.example"]).code(0);
    assert_eq!(isp.received(), 2);
    let file = backup(&old);
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    let new = new_machine();
    restore(&new, &file, &[]).code(0).says("restored: 2 messages in the queue").says("homebox.home.lan has sent since");
    for (name, mode) in [("config.toml", 0o600), ("isp.password", 0o600), ("generic", 0o600), ("spool/queue", 0o700)] {
        assert_eq!(new.path(name).metadata().unwrap().mode() & 0o777, mode, "{name}");
    }
    assert_eq!(fs::read(new.path("config.toml")).unwrap(), fs::read(old.path("config.toml")).unwrap());
    assert_eq!(new.history()[0]["recipients"][0]["address"], "sent@away.example");
    isp.behave();
    new.postrider(&["flush"]);
    new.drain();
    let to: Vec<String> = isp.mails().into_iter().flat_map(|mail| mail.to).collect();
    for recipient in ["sent", "first", "late", "new"] {
        let count = to.iter().filter(|to| to.starts_with(recipient)).count();
        assert_eq!(count, 1, "{recipient}: {to:?}");
    }
}

#[test]
fn a_message_that_history_shows_as_sent_since_the_backup_is_not_sent_again() {
    let isp = Provider::setup().rule(on(Verb::Mail).reply("450 4.2.0 later").once()).start();
    let old = machine(&isp);
    old.send_to(&["waited@away.example"]).code(0);
    old.run_once();
    old.send_to(&["new@away.example"]).code(0);
    let file = backup(&old);
    // The machine itself goes on, and is then set back by mistake.
    old.postrider(&["flush"]).code(0);
    assert_eq!(isp.received(), 2);
    restore(&old, &file, &["--replace"]).code(0).says("not restored: 2 messages, which history shows as sent");
    old.drain();
    assert_eq!((isp.received(), old.queued().len()), (2, 0));
    // Twice on the new one, with a delivery between.
    let new = new_machine();
    restore(&new, &file, &[]).code(0).says("restored: 2 messages");
    restore(&new, &file, &["--replace"]).code(0).says("skipped: 2 messages, already present");
    new.postrider(&["flush"]).code(0);
    restore(&new, &file, &["--replace"]).code(0).says("not restored: 2 messages");
    new.drain();
    assert_eq!(isp.received(), 4, "once by each machine");
}

#[test]
fn a_message_that_was_brought_back_from_failed_is_moved_although_history_has_it() {
    let refused = |to: &str| on(Verb::Rcpt).about(to).reply("550 5.1.1 no such user");
    let isp = Provider::setup().rule(refused("nobody")).rule(refused("me+home@isp.example")).start();
    let old = machine(&isp).set("postmaster", "nobody@away.example");
    old.send_to(&["nobody@away.example"]).code(0);
    old.drain();
    let kept = backup(&old);
    let id = old.postrider(&["queue", "list", "--failed"]).code(0).stdout[..16].to_owned();
    let new = new_machine();
    restore(&new, &kept, &[]).code(0).says("1 in failed/");
    new.postrider(&["queue", "list", "--failed"]).code(0).says(&id);
    old.postrider(&["queue", "retry", &id]).code(0);
    assert_eq!(old.queued().len(), 1);
    fs::remove_file(&kept).unwrap();
    let file = backup(&old);
    isp.behave();
    let before = isp.received();
    let new = new_machine();
    restore(&new, &file, &[]).code(0).says("restored: 1 message in the queue");
    new.postrider(&["flush"]);
    assert_eq!(isp.received(), before + 1);
}

#[test]
fn an_existing_file_and_a_link_in_its_place_are_left_as_they_are() {
    let isp = Provider::start();
    let world = machine(&isp);
    let file = world.file("kept", "mine", 0o644);
    let link = world.path("link");
    symlink("kept", &link).unwrap();
    let nowhere = world.path("nowhere");
    symlink("not-there", &nowhere).unwrap();
    for path in [&file, &link, &nowhere] {
        world.postrider(&["backup", path.to_str().unwrap()]).code(77).says("already exists");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
    assert!(!world.path("not-there").exists());
    world.postrider(&["backup", "/nowhere/x"]).code(64).one_line();
}

#[test]
fn a_torn_or_changed_backup_changes_nothing() {
    let isp = Provider::start();
    let old = machine(&isp);
    old.send_to(&["friend@away.example"]).code(0);
    let whole = fs::read(backup(&old)).unwrap();
    let new = new_machine();
    let before = everything(&new);
    let file = old.path("torn.tar");
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for bytes in [&whole[..0], &whole[..100], &whole[..whole.len() / 2], &whole[..whole.len() - 1], &changed] {
        fs::write(&file, bytes).unwrap();
        restore(&new, &file, &[]).code(65).says("nothing was changed").one_line();
        assert_eq!(everything(&new), before);
    }
}

/// An archive of these entries besides a manifest.
fn forged(world: &World, entries: &[(&str, &str)]) -> PathBuf {
    let file = world.path("forged.tar");
    let mut archive = ArchiveWriter::new(File::create(&file).unwrap(), 0);
    let manifest = r#"{"v":1,"mode":"user","hostname":"x","begun":"2026-11-29T00:00:00Z"}"#;
    for (name, text) in [("manifest.json", manifest)].iter().chain(entries) {
        archive.add(name, text.len() as u64, text.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    file
}

#[test]
fn what_does_not_belong_into_a_backup_changes_nothing() {
    let world = new_machine();
    let config = ("config/config.toml", "spool = \"spool\"\n[account.isp]\nrelay = \"[127.0.0.1]:1\"\n");
    let before = everything(&world);
    for (name, text) in [
        ("config/run.sh", "#!/bin/sh\n"),
        ("config/conf.d/deep/x.toml", ""),
        ("spool/drop/0.1", ""),
        ("spool/queue/a/b", ""),
        ("spool/lock", ""),
        ("state/a/b", ""),
        ("elsewhere", ""),
        ("other", ""),
    ] {
        let file = forged(&world, &[config, (name, text)]);
        restore(&world, &file, &[]).code(65).says("unexpected entry").says("nothing was changed");
        fs::remove_file(file).unwrap();
        assert_eq!(everything(&world), before, "{name}");
    }
    let table = "generic = [\"hash:.profile\", \"hash:/etc/cron.d/x\"]\n";
    let file = forged(
        &world,
        &[("config/config.toml", &format!("{table}{}", config.1)), ("elsewhere/etc/cron.d/x", "* * * * * root id\n")],
    );
    restore(&world, &file, &[]).code(0).says("not put back").says("--strip-components 1 'elsewhere/etc/cron.d/x'");
    assert!(!PathBuf::from("/etc/cron.d/x").exists());
    let broken = forged(&world, &[("config/config.toml", "relay = 1\n")]);
    restore(&world, &broken, &["--replace"]).code(78);
}

#[test]
fn a_configuration_and_mail_that_are_there_stay_unless_restore_is_told_to_set_them_aside() {
    let isp = Provider::start();
    let old = machine(&isp);
    old.send_to(&["old@away.example"]).code(0);
    let file = backup(&old);
    let new = World::at_home(&isp).set("from_name", "other");
    fs::create_dir(new.path("conf.d")).unwrap();
    fs::write(
        new.path("conf.d/work.toml"),
        "[account.work]\nrelay = \"[127.0.0.1]:1\"\nsenders = [\"@work.example\"]\n",
    )
    .unwrap();
    new.send_to(&["new@away.example"]).code(0);
    let before = everything(&new);
    restore(&new, &file, &[]).code(77).says("already has accounts").says("--replace");
    assert_eq!(everything(&new), before);
    fs::rename(new.path("config.toml"), new.path("config.old")).unwrap();
    fs::rename(new.path("conf.d"), new.path("conf.old")).unwrap();
    restore(&new, &file, &[]).code(77).says("already has mail");
    fs::rename(new.path("config.old"), new.path("config.toml")).unwrap();
    fs::rename(new.path("conf.old"), new.path("conf.d")).unwrap();
    restore(&new, &file, &["--replace"]).code(0).says("config.toml was renamed to").says("work.toml was renamed to");
    assert!(fs::read_to_string(new.path("config.toml.before-restore")).unwrap().contains("other"));
    new.drain();
    let mut to: Vec<String> = isp.mails().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["new@away.example", "old@away.example"]);
}

#[test]
fn a_backup_is_made_while_the_runner_works_and_says_what_that_means() {
    let isp = Provider::start();
    let old = machine(&isp);
    let runner = old.runner();
    for number in 0..20 {
        old.send_to(&[&format!("r{number}@away.example")]).code(0);
    }
    let file = old.path("moved.tar");
    old.postrider(&["backup", file.to_str().unwrap()]).code(0).says("The service is running").says("stop the service");
    wait_for("all mails", || isp.received() == 20);
    wait_for("the queue to be empty", || old.queued().is_empty());
    restore(&old, &file, &["--replace"]).code(75).says("the service runs here: stop it first");
    drop(runner);
    let ran = restore(&old, &file, &["--replace"]).code(0);
    old.drain();
    assert_eq!(isp.received(), 20, "{ran:?}");
}
