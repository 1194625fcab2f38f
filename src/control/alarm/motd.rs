//! A file that says what is wrong to those who log in: what an ordinary user sees in `status`. It is there only while something is.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{fs, io};

use crate::config::{Config, places};
use crate::control::report::{Level, Reason, Report};
use crate::mail::printable::printable;
use crate::sys::replaced_file::replace;

/// Where it is: beside the socket, where everybody may read, or in a user's own spool.
#[must_use]
pub fn path(config: &Config) -> PathBuf {
    if places::is_system_spool(&config.spool) { PathBuf::from(places::MOTD) } else { config.spool.join("motd") }
}

/// Writes or removes it. Where it is not wanted any more, one of before is removed as well.
pub fn update(config: &Config, report: &Report) -> io::Result<()> {
    let path = path(config);
    let text = config.alarm.motd.then(|| text(&report.clone().public())).flatten();
    match text {
        Some(text) if fs::read(&path).is_ok_and(|known| known == text.as_bytes()) => Ok(()),
        Some(text) => replace(&path, &text, 0o644),
        None => match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
    }
}

fn text(report: &Report) -> Option<String> {
    let bad: Vec<&Reason> = report.reasons.iter().filter(|reason| reason.level > Level::Ok).collect();
    if bad.is_empty() {
        return None;
    }
    let mut text = "The mail of this machine needs attention (postrider status):\n".to_owned();
    for reason in bad {
        let _ = writeln!(text, "  {}", printable(&reason.to_string()));
    }
    Some(text)
}
