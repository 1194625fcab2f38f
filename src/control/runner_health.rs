//! What `status` says of the machine's runner itself: that it is not there, is away because it had nothing to do, cannot be
//! reached, or does not answer.

use std::path::Path;

use super::idle_runner::{self, Farewell};
use super::report::{Figures, Kind, Level, Reason, Report};
use crate::config::places::{SOCKET, is_system_spool};
use crate::spool::Spool;

/// Of the machine's queue, which nobody but its runner can read, while that does not run.
#[must_use]
pub fn without_runner() -> Report {
    Report::of([stopped()])
}

/// Of the machine's runner, whose lock nobody holds.
pub(super) fn absent(figures: &Figures) -> Vec<Reason> {
    match Farewell::read() {
        Some(farewell) => {
            let dropped = idle_runner::not_picked_up(figures.dropped);
            [farewell.reason()].into_iter().chain(dropped).collect()
        }
        None => vec![stopped()],
    }
}

fn stopped() -> Reason {
    let reason =
        Reason::new(Level::Critical, Kind::Runner, "the postrider service is not running; submitted mail waits");
    reason.cured_by("as root, run \"systemctl enable --now postrider\"")
}

/// That a runner is there and does nothing.
#[must_use]
pub fn silent_runner() -> Reason {
    let reason =
        Reason::new(Level::Unknown, Kind::Runner, "the runner does not answer; its process is stopped or has hung");
    reason.cured_by("restart it")
}

/// That programs do not reach the machine's runner, which is there: what they submit is dropped, and picked up later.
pub(super) fn without_socket(spool: &Spool) -> Option<Reason> {
    if !is_system_spool(spool.dir()) || Path::new(SOCKET).try_exists().unwrap_or(true) {
        return None;
    }
    let text = format!("the socket {SOCKET} is gone, so programs cannot reach the service");
    let cure = "as root, run \"systemctl restart postrider.socket postrider.service\"";
    Some(Reason::new(Level::Critical, Kind::Runner, text).of(SOCKET).cured_by(cure))
}
