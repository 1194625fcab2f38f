//! The systemd unit of a user's runner.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::new_config::store;

/// It runs the program that is beside this text.
const UNIT: &str = include_str!("../../../contrib/systemd/user/postrider.service");

/// A runner that starts with the user's session; without one, mail leaves a runner behind by itself.
pub(super) fn leave(home: &Path) {
    if !Path::new("/run/systemd/system").exists() {
        return;
    }
    let unit = home.join(".config/systemd/user/postrider.service");
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/bin/postrider"));
    let text = UNIT.replace("/usr/bin/postrider", &program.display().to_string());
    let written = unit.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| store(&unit, text.as_bytes()));
    match written {
        Ok(()) => print_line!("wrote {}", unit.display()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            print_line!(
                "cannot write {}: {error}; without it, each message starts a background process",
                unit.display()
            );
            return;
        }
    }
    let enable = ["--user", "enable", "--now", "postrider.service"];
    let run = |arguments: &[&str]| {
        let status = Command::new("systemctl").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if run(&["--user", "daemon-reload"]) && run(&enable) {
        print_line!(
            "The delivery service is running and starts at each login (to keep it running without a login: loginctl enable-linger)."
        );
    } else {
        print_line!("To start the delivery service at each login: systemctl {}", enable.join(" "));
    }
}
