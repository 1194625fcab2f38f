//! `password = { keyring = true }` against a real Secret Service: GNOME's, on a session bus and with a home of its own, so that nobody's
//! keyring is touched. Set, used for a delivery, deleted; and what is said where the keyring is locked or there is none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::machine::can_run_with;
use support::provider::Provider;

const PROGRAMS: [&str; 3] = ["dbus-run-session", "gnome-keyring-daemon", "secret-tool"];

/// A home without a desktop.
struct Home(TempDir);

impl Home {
    fn new(isp: &Provider) -> Self {
        let home = Self(tempfile::Builder::new().prefix("system-keyring-").tempdir().unwrap());
        fs::create_dir(home.0.path().join("run")).unwrap();
        fs::set_permissions(home.0.path().join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(home.0.path().join("ca.pem"), isp.authority()).unwrap();
        let (username, _) = isp.credential();
        let config = format!(
            "hostname = \"homebox.home.lan\"\nspool = \"spool\"\nlog = \"stderr\"\ndelivery = \"queue\"\n[account.isp]\n\
             relay = \"{}\"\ntls_ca = \"ca.pem\"\nusername = \"{username}\"\npassword = {{ keyring = true }}\n",
            isp.relay()
        );
        let path = home.0.path().join("config.toml");
        fs::write(&path, config).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        home
    }

    /// What a script says, each exit code in a line of its own; `$p` is our program.
    fn says(&self, program: &str, arguments: &[&str], script: &str) -> String {
        let mut command = Command::new(program);
        command.args(arguments).args([
            "sh",
            "-c",
            &format!("exec 2>&1; p={}\n{script}", env!("CARGO_BIN_EXE_postrider")),
        ]);
        let home = self.0.path();
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).env("XDG_RUNTIME_DIR", home.join("run"));
        command.env("POSTRIDER_CONFIG", home.join("config.toml")).current_dir(home).stdin(Stdio::null());
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

const UNLOCKED: &str = "echo word | gnome-keyring-daemon --unlock --components=secrets >/dev/null\n";

#[test]
fn a_keyring_keeps_the_password_and_gives_it_to_the_runner() {
    if !can_run_with(&PROGRAMS) {
        return;
    }
    let isp = Provider::start();
    let home = Home::new(&isp);
    let (_, password) = isp.credential();
    let in_session = |script: &str| home.says("dbus-run-session", &["--"], &format!("{UNLOCKED}{script}"));
    let said = in_session(&format!(
        "$p password test isp; echo code $?\necho '{password}' | $p password set isp; echo code $?\n$p password test isp; echo code $?\n\
         secret-tool lookup service postrider username isp; echo\n\
         printf 'Subject: hello\\n\\n' | $p sendmail -i -f me@isp.example bob@away.example; $p run --once; echo code $?"
    ));
    assert!(said.contains("no password for account isp; run \"postrider password set isp\"\ncode 69"), "{said}");
    assert!(said.contains("saved\ncode 0\n") && said.contains("a password is stored for account"), "{said}");
    assert!(said.contains(&format!("\n{password}\n")), "another program finds it there: {said}");
    assert_eq!(said.matches(password).count(), 1, "and nobody else tells it: {said}");
    assert_eq!(isp.received(), 1, "{said}");
    let said = in_session("$p password delete isp; echo code $?\n$p password delete isp; echo code $?");
    assert!(said.contains("removed\ncode 0\n") && said.contains("no password for account isp"), "{said}");
    assert!(said.ends_with("code 69\n"), "{said}");
}

#[test]
fn a_locked_keyring_or_none_at_all_is_told_with_what_to_use_instead() {
    if !can_run_with(&PROGRAMS) {
        return;
    }
    let isp = Provider::start();
    let home = Home::new(&isp);
    let (_, password) = isp.credential();
    home.says("dbus-run-session", &["--"], &format!("{UNLOCKED}echo '{password}' | $p password set isp"));
    let script = "printf 'Subject: hello\\n\\n' | $p sendmail -i bob@away.example; $p run --once; $p queue list\n\
         $p password test isp; echo code $?";
    for (program, arguments) in [("dbus-run-session", &["--"][..]), ("env", &["-u", "XDG_RUNTIME_DIR"])] {
        let said = home.says(program, arguments, script);
        assert!(
            said.contains("cannot read the password for account")
                || said.contains("cannot use the password for account"),
            "{said}"
        );
        assert!(said.contains("password = { file = \"secrets/isp\" }") && said.ends_with("code 69\n"), "{said}");
        assert!(!said.contains("queue is empty"), "the mail waits: {said}");
    }
    assert_eq!(isp.connections(), 0, "nobody is asked without a password");
}
