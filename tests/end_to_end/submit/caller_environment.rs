//! Callers' surroundings: whatever they leave of environment, descriptors, directory and
//! user, a mail is a mail, and success is silent.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::provider::Provider;
use support::world::{World, is_root, login};

const MAIL: &str = "To: bob@away.example\nSubject: x\n\nbody\n";

/// A uid without a passwd entry.
const STRANGER: u32 = 54321;

/// `sh -c` with `$sendmail` and `$input` for the program and a file with a mail.
#[track_caller]
fn shell(world: &World, script: &str) -> std::process::Output {
    let input = world.file("input", MAIL, 0o600);
    let mut command = world.command("/bin/sh", &["-c", script]);
    command
        .env("sendmail", env!("CARGO_BIN_EXE_sendmail"))
        .env("input", input)
        .env("dir", world.path(""))
        .output()
        .unwrap()
}

#[test]
fn descriptors_masks_signals_and_directories_do_not_matter() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let scripts = [
        "exec \"$sendmail\" -t <\"$input\" >&-",
        "exec \"$sendmail\" -t <\"$input\" 2>&-",
        "exec \"$sendmail\" -t <\"$input\" >&- 2>&-",
        "exec \"$sendmail\" -t <\"$input\" >/dev/full 2>/dev/full",
        "exec \"$sendmail\" -t <\"$input\" 7<>\"$input\" 8>&1",
        "umask 077; exec \"$sendmail\" -t <\"$input\"",
        "umask 177; exec \"$sendmail\" -t <\"$input\"",
        "umask 777; exec \"$sendmail\" -t <\"$input\"",
        "trap '' CHLD PIPE HUP TERM; exec \"$sendmail\" -t <\"$input\"",
        "mkdir \"$dir/gone\"; cd \"$dir/gone\"; rmdir \"$dir/gone\"; exec \"$sendmail\" -t <\"$input\"",
        "exec env -i POSTRIDER_CONFIG=\"$POSTRIDER_CONFIG\" \"$sendmail\" -t <\"$input\"",
        "LC_ALL=tr_TR.ISO-8859-9 LANG=xx TZ=:nowhere NAME='' exec \"$sendmail\" -t <\"$input\"",
        "HOME= USER= LOGNAME= IFS=x exec \"$sendmail\" -t <\"$input\"",
        "(cat \"$input\"; printf .) | exec \"$sendmail\" -t",
    ];
    for script in scripts {
        let output = shell(&world, script);
        let said = (output.status.code(), output.stdout.as_slice(), output.stderr.as_slice());
        assert_eq!(said, (Some(0), &b""[..], &b""[..]), "{script}");
    }
    world.drain();
    assert_eq!(isp.received(), scripts.len());
}

#[test]
fn a_closed_stdin_is_an_empty_mail() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    assert_eq!(shell(&world, "exec \"$sendmail\" bob@away.example <&-").status.code(), Some(0));
    assert_eq!(shell(&world, "exec \"$sendmail\" bob@away.example <&- >&- 2>&-").status.code(), Some(0));
    assert_eq!(shell(&world, "exec \"$sendmail\" -t <&- 2>&-").status.code(), Some(64));
    world.drain();
    assert!(isp.mails().iter().all(|mail| mail.body().is_empty()));
    assert_eq!(isp.received(), 2);
}

#[test]
fn a_slow_stdin_is_waited_for() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let mut command = world.command(env!("CARGO_BIN_EXE_sendmail"), &["-t"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for piece in MAIL.as_bytes().chunks(7) {
        stdin.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    world.run_once();
    assert_eq!(isp.mail().body(), b"body\r\n");
}

#[test]
fn a_socket_that_somebody_made_non_blocking_is_waited_for() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let mut command = world.command(env!("CARGO_BIN_EXE_sendmail"), &["-t"]);
    let mut child = command.stdin(std::os::fd::OwnedFd::from(theirs)).spawn().unwrap();
    drop(command);
    let mut ours = ours;
    for piece in [&MAIL[..20], &MAIL[20..]] {
        std::thread::sleep(Duration::from_millis(50));
        ours.write_all(piece.as_bytes()).unwrap();
    }
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(child.wait().unwrap().success());
    world.run_once();
    assert_eq!(isp.mail().body(), b"body\r\n");
}

#[test]
fn who_calls_is_the_uid_even_where_it_has_no_passwd_entry() {
    if !is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let isp = Provider::start();
    let world = World::new().account_keys("isp", &[("relay", isp.relay().into())]);
    // Everything that the stranger touches is where it may go.
    std::fs::set_permissions(world.path(""), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(world.path("config.toml"), PermissionsExt::from_mode(0o644)).unwrap();
    let program = world.path("sendmail");
    std::fs::copy(env!("CARGO_BIN_EXE_sendmail"), &program).unwrap();
    std::fs::create_dir(world.path("spool")).unwrap();
    std::os::unix::fs::chown(world.path("spool"), Some(STRANGER), Some(STRANGER)).unwrap();
    let file = world.file("input", MAIL, 0o644);
    let mut command: Command = world.command(&program, &["-t"]);
    command.env("USER", "root").env("LOGNAME", "root").env("HOME", "/root").uid(STRANGER).gid(STRANGER);
    let output = command.stdin(std::fs::File::open(file).unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
    let id = world.queued().pop().expect("it is stored");
    let stored = std::fs::read_to_string(world.path("spool/queue").join(id)).unwrap();
    assert!(stored.contains("\"sender\":\"uid54321@home.lan\"") && stored.contains("\nFrom: uid54321@home.lan\r\n"));
}

#[test]
fn neither_name_nor_home_of_the_environment_counts() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp);
    let output =
        shell(&world, "USER=mallory LOGNAME=mallory NAME='Mallory M.' HOME=/tmp exec \"$sendmail\" -t <\"$input\"");
    assert!(output.status.success());
    world.run_once();
    let mail = isp.mail();
    assert_eq!(mail.from, format!("{}@home.lan", login()));
    assert!(mail.field("From").contains("Mallory M."), "only the display name is $NAME");
}

#[test]
fn a_failure_is_told_by_the_exit_status_where_nobody_listens() {
    let world = World::at_home(&Provider::start());
    for script in [
        "exec \"$sendmail\" <\"$input\" 2>&-",
        "exec \"$sendmail\" <\"$input\" >&- 2>&-",
        "exec \"$sendmail\" <\"$input\" 2>/dev/full",
    ] {
        assert_eq!(shell(&world, script).status.code(), Some(64), "{script}");
    }
    assert_eq!(shell(&world, "exec \"$sendmail\" -J <\"$input\" 2>&-").status.code(), Some(64));
    assert_eq!(shell(&world, "exec \"$sendmail\" carol@ <\"$input\" 2>&-").status.code(), Some(65));
    std::fs::remove_file(world.path("config.toml")).unwrap();
    assert_eq!(shell(&world, "exec \"$sendmail\" -t <\"$input\" 2>&-").status.code(), Some(78));
    let world = World::at_home(&Provider::start());
    assert_eq!(
        shell(&world, "exec \"$sendmail\" bob@away.example </").status.code(),
        Some(71),
        "a directory cannot be read"
    );
    assert_eq!(shell(&world, "exec \"$sendmail\" -bs <\"$input\" >/dev/full").status.code(), Some(74));
    assert!(world.spool("queue").is_empty());
}
