//! `oauth = { ..., keyring = true }` against a real Secret Service: GNOME's, on a session bus and with a home of its own. The refresh token
//! is there and in no file, is renewed there, and where there is no keyring nobody is asked to agree to anything.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;

use crate::cli::issuer::{Issuer, mail_server};
use support::need::{installed, skip};
use support::points;
use support::world::{World, built, is_root};

const PROGRAMS: [&str; 3] = ["dbus-run-session", "gnome-keyring-daemon", "secret-tool"];
const UNLOCKED: &str = "echo word | gnome-keyring-daemon --unlock --components=secrets >/dev/null\n";

fn can_run() -> bool {
    PROGRAMS.iter().all(|program| installed(program)) || skip("there is no Secret Service to run")
}

/// What a script says, each exit code in a line of its own; `$p` is our program.
fn says(world: &World, program: &str, arguments: &[&str], script: &str) -> String {
    let home = world.path("home");
    fs::create_dir_all(home.join("run")).unwrap();
    fs::set_permissions(home.join("run"), fs::Permissions::from_mode(0o700)).unwrap();
    let script = format!("exec 2>&1; p={}\n{script}", built("postrider").display());
    let mut command = world.command(program, &[arguments, &["sh", "-c", &script]].concat());
    command.env("HOME", &home).env("XDG_RUNTIME_DIR", home.join("run")).stdin(Stdio::null());
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn in_session(world: &World, script: &str) -> String {
    says(world, "dbus-run-session", &["--"], &format!("{UNLOCKED}{script}"))
}

/// Whether a file below this folder has the text in it.
fn has(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() { has(&path, text) } else { fs::read(&path).is_ok_and(|it| contains(&it, text.as_bytes())) }
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

const STORED: &str = "secret-tool search --all service postrider 2>/dev/null | grep '^secret'\n";

#[test]
fn a_keyring_keeps_the_refresh_token_and_no_file_does() {
    if !can_run() {
        return;
    }
    let issuer = Issuer::start(mail_server());
    let world = issuer.world(&json!({ "keyring": true }));
    world.send_to(&["bob@away.example"]).code(0);
    let said = in_session(&world, &format!("$p login --status; $p login; echo code $?; $p login --status; {STORED}"));
    assert!(said.contains("not logged in") && said.contains("is logged in at 127.0.0.1"), "{said}");
    assert!(said.contains("code 0") && said.contains("as me@isp.example, logged in 20"), "{said}");
    assert!(said.contains("secret = refresh-1"), "{said}");
    let said = in_session(&world, &format!("$p check; echo code $?; $p flush; {STORED}"));
    assert!(said.contains("code 0") && said.contains("secret = refresh-2"), "{said}");
    assert_eq!(said.matches("secret = ").count(), 1, "nothing else is left there: {said}");
    assert_eq!((issuer.isp.received(), issuer.asked("refresh_token=refresh-1")), (1, 1), "{said}");
    assert!(!has(&world.path("spool"), "refresh-"), "the token is in no file of ours");
}

#[test]
fn a_login_in_a_file_moves_to_the_keyring_with_the_next_token() {
    if !can_run() {
        return;
    }
    let issuer = Issuer::start(mail_server());
    let world = issuer.world(&json!({}));
    world.postrider(&["login"]).code(0);
    let world = issuer.log_in_by_tokens(world, "isp", &json!({ "keyring": true }));
    world.send_to(&["bob@away.example"]).code(0);
    let said = in_session(&world, &format!("$p flush; {STORED}"));
    assert!(issuer.isp.received() == 1 && said.contains("secret = refresh-2"), "{said}");
    assert!(!has(&world.path("spool"), "refresh-"), "and the old one is in no file any more");
}

/// A login that is in a file, and is to be in the keyring from now on.
fn to_be_moved(issuer: &Issuer) -> World {
    let world = issuer.world(&json!({}));
    world.postrider(&["login"]).code(0);
    let world = issuer.log_in_by_tokens(world, "isp", &json!({ "keyring": true }));
    world.send_to(&["bob@away.example"]).code(0);
    world
}

#[test]
fn a_move_to_the_keyring_that_is_killed_leaves_a_token_that_works() {
    if !can_run() || points::is_skipped() {
        return;
    }
    if !is_root() {
        skip("strace shows an ordinary user no paths of a program whose memory is private");
        return;
    }
    // In turn, every call that opens a file of the login or gives one a name.
    for call in ["openat", "renameat"] {
        let survived = (1..40).find(|number| {
            let issuer = Issuer::start(mail_server());
            let world = to_be_moved(&issuer);
            let state = world.path("spool/state");
            let fault = format!("-P {} -e inject={call}:signal=SIGKILL:when={number}", state.display());
            let script = format!("strace -f -qq -o strace.log {fault} $p flush; echo code $?; $p flush; {STORED}");
            let said = in_session(&world, &script);
            // Until it is written anywhere, the answer is in memory alone.
            let was_kept = said.contains("secret = ");
            assert_eq!(issuer.isp.received() == 1, was_kept, "{call} {number}: {said}");
            said.contains("code 0")
        });
        assert!(survived.is_some_and(|number| number > 2), "{call}: {survived:?}");
    }
}

#[test]
fn without_a_keyring_nobody_agrees_to_anything_and_mail_waits() {
    if !can_run() {
        return;
    }
    let issuer = Issuer::start(mail_server());
    let world = issuer.world(&json!({ "keyring": true }));
    let nowhere = |script: &str| says(&world, "env", &["-u", "XDG_RUNTIME_DIR"], script);
    let said = nowhere("$p login; echo code $?");
    assert!(said.contains("the login of account isp") && said.contains("remove `keyring`"), "{said}");
    assert!(said.contains("code 78") && issuer.web.asked().is_empty(), "{said}");
    in_session(&world, "$p login");
    world.send_to(&["bob@away.example"]).code(0);
    let asked = issuer.web.asked().len();
    let said = nowhere("$p flush; $p queue list");
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("cannot use the login of account isp"), "{said}");
    assert_eq!((issuer.web.asked().len(), world.queued().len()), (asked, 1), "{said}");
}
