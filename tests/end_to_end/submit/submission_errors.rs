//! Bad input and bad surroundings: one clear line, the right sysexits code, and
//! nothing left behind.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::json;

use support::provider::Provider;
use support::world::{Ran, World, is_root};

const MAIL: &str = "Subject: x\n\nbody\n";

/// It failed so, in one line, and left nothing in the queue.
#[track_caller]
fn refused(world: &World, ran: Ran, code: i32) -> Ran {
    let ran = ran.code(code).one_line();
    let left = world.spool("queue");
    assert!(left.is_empty(), "nothing is left behind: {left:?}");
    ran
}

fn large() -> String {
    format!("{MAIL}{}", "seventy bytes of text, more than any pipe holds if there are enough\n".repeat(20_000))
}

#[test]
fn no_recipients_is_a_usage_error() {
    let world = World::at_home(&Provider::start());
    refused(&world, world.sendmail(&["-i"], large()), 64).read_all().says("recipient");
    refused(&world, world.sendmail(&["-t"], large()), 64).read_all().says("recipient");
}

#[test]
fn one_bad_address_among_good_ones_bounces_and_the_good_ones_get_the_mail() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.sendmail(&["-f", "alice", "bob@away.example", "carol@"], MAIL).code(0).silent();
    world.drain();
    assert_eq!(isp.mail_to("bob@away.example").to, ["bob@away.example"]);
    let bounce = isp.mail_to("me@isp.example");
    assert_eq!(bounce.from, "");
    assert!(bounce.text().contains("carol@"), "{}", bounce.text());
}

#[test]
fn not_one_usable_recipient_is_bad_data() {
    let world = World::at_home(&Provider::start());
    refused(&world, world.sendmail(&["-f", "alice", "carol@"], large()), 65).read_all().says("carol@");
}

#[test]
fn a_header_beyond_the_limit_is_bad_data() {
    let world = World::at_home(&Provider::start());
    let input = format!("{}\nbody\n", "X-Filler: some forty bytes of header field text\n".repeat(60_000));
    refused(&world, world.sendmail(&["-f", "alice", "bob@away.example"], input), 65).read_all().says("header");
}

#[test]
fn a_message_beyond_the_limit_is_not_stored() {
    let world = World::at_home(&Provider::start())
        .queue_set("max_message_size", "100MB")
        .queue_set("max_message_size", 1_000_000);
    let ran = world.sendmail(&["-f", "alice", "bob@away.example"], large()).read_all();
    refused(&world, ran, 65).says("max_message_size");
}

/// What never ends, as `yes | sendmail` gives it.
#[track_caller]
fn endless(world: &World, args: &[&str], line: &str) -> (Option<i32>, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_sendmail"), args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines = line.repeat(1000);
    // Ends when nobody reads any more.
    let most = 1_000_000_000 / lines.len();
    let ended = (0..most).any(|_| stdin.write_all(lines.as_bytes()).is_err());
    drop(stdin);
    let ran = child.wait_with_output().unwrap();
    assert!(ended, "it reads on after {most} times {} octets", lines.len());
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
}

#[test]
fn what_never_ends_is_not_read_for_ever() {
    let world = World::at_home(&Provider::start()).queue_set("max_message_size", 1_000_000);
    let missing = World::new();
    std::fs::remove_file(missing.path("config.toml")).unwrap();
    let text = "yes, for ever, in lines as long as those that people write in their mail\n";
    for (world, args, line, code) in [
        (&world, &["bob@away.example"][..], text, 65),
        (&world, &["bob@away.example"], "X-Field: of seventy octets, so that a test build reads it in time, x\n", 65),
        (&world, &[], text, 64),
        (&world, &["-f"], text, 64),
        (&missing, &["bob@away.example"], text, 78),
    ] {
        let (status, said) = endless(world, args, line);
        assert_eq!((status, said.lines().count()), (Some(code), 1), "{args:?}: {said}");
        assert!(world.spool("queue").is_empty() && world.spool("incoming").is_empty(), "{args:?}");
    }
}

/// `sendmail` with this config: no usable configuration.
#[track_caller]
fn unusable(world: &World) -> Ran {
    let ran = world.sendmail(&["-f", "alice", "bob@away.example"], large()).code(78).read_all();
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.starts_with("sendmail: "), "{}", ran.stderr);
    assert!(world.spool("queue").is_empty());
    ran
}

#[test]
fn without_a_config_nothing_is_stored() {
    let world = World::new();
    std::fs::remove_file(world.path("config.toml")).unwrap();
    unusable(&world).one_line().says("config.toml");
}

#[test]
fn a_config_that_cannot_be_read_is_named() {
    let world = World::new();
    if is_root() {
        // Modes mean nothing to root; a directory cannot be read by anybody.
        std::fs::remove_file(world.path("config.toml")).unwrap();
        std::fs::create_dir(world.path("config.toml")).unwrap();
    } else {
        std::fs::set_permissions(world.path("config.toml"), PermissionsExt::from_mode(0o200)).unwrap();
    }
    unusable(&world).one_line().says("config.toml");
}

#[test]
fn a_config_that_does_not_parse_is_shown_with_line_and_column() {
    let world = World::new();
    world.file("config.toml", "hostname = \"homebox.home.lan\"\norigin = = 3\n", 0o600);
    unusable(&world).says("config.toml:2:");
}

#[test]
fn an_unknown_key_is_shown_with_the_nearest_known_one() {
    let world = World::at_home(&Provider::start()).set("hostnam", "x.example");
    unusable(&world).says("hostnam").says("hostname");
}

#[test]
fn an_unknown_account_is_a_configuration_error() {
    let world = World::at_home(&Provider::start()).set("default_account", "ips");
    unusable(&world).says("default_account").says("isp");
}

#[test]
fn a_config_that_others_can_write_is_not_used() {
    let world = World::at_home(&Provider::start());
    std::fs::set_permissions(world.path("config.toml"), PermissionsExt::from_mode(0o606)).unwrap();
    unusable(&world).says("config.toml");
}

#[test]
fn a_password_in_a_config_that_others_can_read_is_an_error_that_does_not_tell_it() {
    let world = World::at_home(&Provider::start());
    std::fs::set_permissions(world.path("config.toml"), PermissionsExt::from_mode(0o644)).unwrap();
    let ran = unusable(&world).says("password");
    assert!(!ran.stderr.contains("correct horse"), "{}", ran.stderr);
}

#[test]
fn a_spool_that_cannot_be_made_is_a_temporary_failure() {
    let world = World::at_home(&Provider::start());
    let file = world.file("occupied", "", 0o600);
    for place in [file, "/proc/postrider-spool".into()] {
        let place = place.to_str().unwrap().to_owned();
        let world = World::at_home(&Provider::start()).set("spool", place.as_str());
        refused(&world, world.sendmail(&["-f", "alice", "bob@away.example"], large()), 75).read_all().says(&place);
    }
}

#[test]
fn a_read_only_spool_is_a_temporary_failure() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    let queue = world.path("spool/queue");
    if is_root() {
        // Modes mean nothing to root; a file in the directory's place stops everybody.
        std::fs::remove_dir(&queue).unwrap();
        std::fs::write(&queue, "").unwrap();
    } else {
        std::fs::set_permissions(&queue, PermissionsExt::from_mode(0o500)).unwrap();
    }
    world.sendmail(&["-f", "alice", "bob@away.example"], large()).code(75).one_line().read_all().says("queue");
    if !is_root() {
        std::fs::set_permissions(&queue, PermissionsExt::from_mode(0o700)).unwrap();
        assert!(world.spool("queue").is_empty());
    }
}

#[test]
fn a_full_spool_is_a_temporary_failure() {
    let world = World::at_home(&Provider::start()).queue_set("min_free_space", json!(i64::MAX));
    refused(&world, world.sendmail(&["-f", "alice", "bob@away.example"], large()), 75).read_all().says("free");
}

#[test]
fn other_commands_say_what_is_wrong_with_the_config_as_well() {
    let world = World::new();
    world.file("config.toml", "colour = \"blue\"\n", 0o600);
    for args in [
        &["run", "--once"][..],
        &["flush"],
        &["queue", "list"],
        &["route", "bob@away.example", "--from", "alice@home.lan"],
    ] {
        let ran = world.postrider(args).code(78).says("config.toml:1:1");
        assert!(ran.stderr.starts_with("postrider: "), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn an_unknown_subcommand_is_a_usage_error() {
    let world = World::new();
    world.postrider(&["deliver-everything"]).code(64).says("deliver-everything");
    world.postrider(&["run", "--twice"]).code(64).says("--twice");
}
