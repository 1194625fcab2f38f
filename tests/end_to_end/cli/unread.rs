//! What a command prints goes nowhere: a disk is full, a reader has gone. The command does its work and does not panic.

use std::fs::OpenOptions;
use std::process::Stdio;

use support::provider::Provider;
use support::world::{World, built, login};

/// The exit status with an output that takes nothing, and what was said on standard error.
fn on_a_full_disk(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = world.command(built("postrider"), arguments);
    let child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn no_command_panics_where_its_output_goes_nowhere() {
    let isp = Provider::start();
    let world = World::at_home(&isp).generic(&[("alice", "alice@isp.example")]);
    world.file("password", "pencil\n", 0o600);
    world.file("msmtprc", "account default\nhost mail.example\nfrom alice@isp.example\n", 0o600);
    let path = |name: &str| world.path(name).display().to_string();
    let (owner, msmtprc, imported, made) = (login(), path("msmtprc"), path("imported"), path("made"));
    let commands = [
        "check",
        "check --json",
        "route bob@away.example",
        "route --json bob@away.example",
        "lookup generic alice",
        "lookup generic nobody",
        "config path",
        "config show",
        "config show --defaults",
        "complete accounts",
        "password test isp",
        "queue list",
        "queue list --json",
        "history",
        "status",
        "flush",
        "test isp",
        "client list",
        "--help",
        "--version",
        "nonsense",
    ];
    for command in commands {
        let arguments: Vec<&str> = command.split(' ').collect();
        let usual = world.postrider(&arguments).status;
        let (code, said) = on_a_full_disk(&world, &arguments);
        assert!(code == usual || code == Some(74), "{command}: {code:?} and not {usual:?}: {said}");
        assert!(!said.contains("panicked"), "{command}: {said}");
    }
    let change: [&[&str]; 4] = [
        &["client", "add", "camera", "--owner", &owner, "--no-password", "--network", "127.0.0.1"],
        &["client", "delete", "camera"],
        &["import", "msmtp", "--source", &msmtprc, "--output", &imported],
        &["init", "bob@isp.example", "--offline", "--print", "--output", &made],
    ];
    for arguments in change {
        let (code, said) = on_a_full_disk(&world, arguments);
        assert!(code.is_some_and(|code| code != 101) && !said.contains("panicked"), "{arguments:?}: {code:?} {said}");
    }
}

#[test]
fn a_made_password_that_cannot_be_printed_is_told_with_the_way_to_another() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let remedy = "cannot be printed: No space left on device (os error 28); set another with \"postrider client password scanner\"";
    let (code, said) = on_a_full_disk(&world, &["client", "add", "scanner", "--owner", &login()]);
    assert_eq!(code, Some(74), "{said}");
    assert!(said.contains("client-scanner.toml, but its password") && said.contains(remedy), "{said}");
    let (code, said) = on_a_full_disk(&world, &["client", "password", "scanner"]);
    assert_eq!(code, Some(74), "{said}");
    assert!(said.contains("password for client scanner saved, but its") && said.contains(remedy), "{said}");
    world.postrider(&["client", "list"]).code(0).says("scanner");
}
