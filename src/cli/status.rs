//! `postrider status`: one line and an exit code for monitoring, as Nagios plug-ins have
//! them: is mail flowing, and if not, why.

use std::io::Write;
use std::path::Path;

use super::exit::{Exit, Failure};
use super::step_down;
use crate::config::{locate, places};
use crate::control::error::AccessError;
use crate::control::loaded::Unreadable;
use crate::control::queue_access::QueueAccess;
use crate::control::status::{QueueStatus, Verdict};
use crate::mail::printable::printable;
use crate::spool::Spool;
use crate::sys::harden;

/// Looks, and prints one line.
#[must_use]
pub fn run(named: Option<&Path>) -> Exit {
    report(look(named))
}

fn look(named: Option<&Path>) -> Result<QueueStatus, Failure> {
    if QueueAccess::needs_runner(named) || !step_down::is_machines(named) {
        return match super::queue_access(named)?.status() {
            Err(AccessError::NoRunner) => Ok(QueueStatus::without_runner()),
            status => Ok(status?),
        };
    }
    // As the machine's runner sees it: it accepts mail also while it cannot read its config.
    step_down::to_runner(Path::new(places::SYSTEM_SPOOL))?;
    let config = locate::load(named);
    harden::keep_memory_private();
    match config {
        Ok(config) => Ok(QueueAccess::of(config)?.status()?),
        Err(error) => {
            let spool = Spool::find(Path::new(places::SYSTEM_SPOOL))?;
            Ok(QueueStatus::look(None, spool.as_ref())?.without_config(Some(Unreadable::of(&error))))
        }
    }
}

/// Prints the line. Its exit codes are its own: 0 flowing, 1 late, 2 stuck, 3 cannot tell.
fn report(found: Result<QueueStatus, Failure>) -> Exit {
    let (exit, words, figures) = match found {
        Ok(status) => {
            let (exit, word) = match status.verdict() {
                Verdict::Flowing => (Exit::Ok, "OK"),
                Verdict::Late => (Exit::Warnings, "WARNING"),
                Verdict::Stuck => (Exit::Critical, "CRITICAL"),
            };
            (exit, format!("{word}: {}", status.words()), format!(" | {}", status.perfdata()))
        }
        Err(failure) => {
            let why = failure.message.lines().next().unwrap_or_default();
            (Exit::CannotTell, format!("UNKNOWN: {why}"), String::new())
        }
    };
    // The bar divides words from figures.
    let words = printable(&words).replace('|', "?");
    // A closed pipe still leaves the exit code.
    let _ = writeln!(std::io::stdout(), "POSTRIDER {words}{figures}");
    exit
}
