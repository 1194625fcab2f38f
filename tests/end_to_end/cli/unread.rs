//! What a command prints goes nowhere: a disk is full, a reader has gone. The command does its work, and its exit code tells the
//! one from the other.

use std::fs::OpenOptions;
use std::process::Stdio;

use support::provider::Provider;
use support::world::{World, built, login};

/// The exit status with this standard output, and what was said on standard error.
fn printing_to(output: impl Into<Stdio>, world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = world.command(built("postrider"), arguments);
    let child = command.stdout(output).stderr(Stdio::piped()).spawn().unwrap();
    // Its copy of a pipe's end would keep the pipe open.
    drop(command);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// With an output that takes nothing.
fn on_a_full_disk(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    printing_to(OpenOptions::new().write(true).open("/dev/full").unwrap(), world, arguments)
}

/// With an output that nobody reads any more.
fn to_nobody(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    printing_to(writer, world, arguments)
}

#[test]
fn a_command_whose_output_is_lost_says_so_and_one_that_nobody_reads_is_quiet() {
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
        "status --json",
        "flush",
        "test isp",
        "client list",
        "--help",
        "--version",
        "nonsense",
    ];
    for command in commands {
        let arguments: Vec<&str> = command.split(' ').collect();
        let usual = world.postrider(&arguments);
        let (code, said) = on_a_full_disk(&world, &arguments);
        let is_lost = !usual.stdout.is_empty();
        let expected = match usual.status {
            // Its codes are those of monitoring.
            Some(0) if command.starts_with("status") => Some(3),
            Some(0) if is_lost => Some(74),
            other => other,
        };
        assert_eq!(code, expected, "{command}: {said}");
        assert_eq!(said.contains("cannot write the output: No space left on device"), is_lost, "{command}: {said}");
        assert_eq!(to_nobody(&world, &arguments), (usual.status, usual.stderr), "{command}");
    }
    let change: [&[&str]; 4] = [
        &["client", "add", "camera", "--owner", &owner, "--no-password", "--network", "127.0.0.1"],
        &["client", "delete", "camera"],
        &["import", "msmtp", "--source", &msmtprc, "--output", &imported],
        &["init", "bob@isp.example", "--offline", "--print", "--output", &made],
    ];
    for arguments in change {
        let (code, said) = on_a_full_disk(&world, arguments);
        // What `init` asks has no answer here.
        let expected = if arguments[0] == "init" { 65 } else { 74 };
        assert!(code == Some(expected) && !said.contains("panicked"), "{arguments:?}: {code:?} {said}");
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
