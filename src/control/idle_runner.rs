//! The machine's runner while it is away because it had nothing to do (`idle_exit`): what it leaves for those who ask how it is,
//! and whether systemd will start it with the next mail. Nothing here connects to its socket, which would start it.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::report::{Kind, Level, Reason, Report};
use crate::config::places::{DROP_UNIT, IDLE, SERVICE_UNIT, SOCKET, SOCKET_UNIT};
use crate::sys::{replaced_file, units};

/// What it wrote when it left. Everybody may read it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Farewell {
    /// When it left.
    pub since: Timestamp,
    /// What `status` said then. Nothing happens to mail while no runner is there.
    pub report: Report,
}

impl Farewell {
    /// For everybody, as of now.
    #[must_use]
    pub fn of(report: Report) -> Self {
        Self { since: Timestamp::now(), report: report.public() }
    }

    /// Writes it. The runner still holds its lock.
    pub fn write(&self) -> io::Result<()> {
        replaced_file::replace(Path::new(IDLE), &serde_json::to_string(self)?, 0o644)
    }

    /// That of a runner that is away. One that was stopped, or has died, has left none.
    #[must_use]
    pub fn read() -> Option<Self> {
        serde_json::from_slice(&fs::read(IDLE).ok()?).ok()
    }

    /// Removes it: a runner is there again, and if it dies, that is not to look like rest.
    pub fn remove() -> io::Result<()> {
        match fs::remove_file(IDLE) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// What can be said of the runner now.
    #[must_use]
    pub fn reason(&self) -> Reason {
        let at = self.since.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M");
        let exited = format!("the postrider service exited at {at} because it was idle");
        match obstacle() {
            None => Reason::new(Level::Ok, Kind::Runner, format!("{exited}; the next message starts it")),
            Some(Obstacle { what, remedy }) => {
                let text = format!("{exited}, and the next message does not start it: {what}");
                Reason::new(Level::Critical, Kind::Runner, text).cured_by(remedy)
            }
        }
        .since(Some(self.since))
    }

    /// For those who may not look at the queue: what was true when the runner left, and how it is now.
    #[must_use]
    pub fn now(mut self) -> Report {
        let reason = self.reason();
        self.report.add(reason);
        if let Some(figures) = &mut self.report.queue {
            figures.runner = false;
        }
        self.report
    }
}

/// That mail in drop/ waits for a runner that is away.
#[must_use]
pub fn not_picked_up(dropped: usize) -> Option<Reason> {
    if dropped == 0 || units::is_enabled(DROP_UNIT, "paths.target") {
        return None;
    }
    let noun = if dropped == 1 { "message waits" } else { "messages wait" };
    let text = format!("{dropped} {noun} in drop/, but nothing starts the service");
    let remedy = format!("as root, run \"systemctl enable --now {DROP_UNIT}\"");
    Some(Reason::new(Level::Critical, Kind::Runner, text).counting(dropped).cured_by(remedy))
}

/// Starts the runner if it is away, as a mail does. Returns whether somebody was there to start it.
#[must_use]
pub fn wake() -> bool {
    Farewell::read().is_some() && UnixStream::connect(SOCKET).is_ok()
}

/// Why a connection would not start it.
struct Obstacle {
    what: String,
    remedy: String,
}

fn obstacle() -> Option<Obstacle> {
    for unit in [SERVICE_UNIT, SOCKET_UNIT] {
        if units::is_masked(unit) {
            let remedy = format!("as root, run \"systemctl unmask {unit} && systemctl start {SOCKET_UNIT}\"");
            return Some(Obstacle { what: format!("{unit} is masked"), remedy });
        }
    }
    // Where /proc does not say, it is not to be called dead.
    (units::has_listener(Path::new(SOCKET)) == Some(false)).then(|| Obstacle {
        what: format!("nothing is listening on {SOCKET}"),
        remedy: format!("as root, run \"systemctl start {SOCKET_UNIT}\""),
    })
}
