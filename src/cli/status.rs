//! `postrider status`: one line and an exit code for monitoring, as Nagios plug-ins have
//! them: is mail flowing, and if not, why.

use std::io::Write;
use std::path::Path;

use super::exit::{Exit, Failure};
use super::{remote, step_down};
use crate::config::{Config, locate, places};
use crate::control::loaded::Unreadable;
use crate::control::status::{Standing, Verdict};
use crate::runner::listener::query::{Answer, Question};
use crate::spool::Spool;
use crate::sys::harden;

/// Looks where this process may.
pub fn look(config: &Config) -> Result<Standing, Failure> {
    Ok(Standing::look(Some(config), Spool::find(&config.spool)?.as_ref())?)
}

/// Looks at the machine's spool as its runner does, who takes mail in also while the config cannot be read.
pub(super) fn look_at_machines(named: Option<&Path>) -> Result<Standing, Failure> {
    step_down::to_runner(Path::new(places::SYSTEM_SPOOL))?;
    let config = locate::load(named);
    harden::keep_memory_private();
    match config {
        Ok(config) => look(&config),
        Err(error) => {
            let spool = Spool::find(Path::new(places::SYSTEM_SPOOL))?;
            Ok(Standing::look(None, spool.as_ref())?.without_config(Some(Unreadable::of(&error))))
        }
    }
}

/// Looks through the runner's eyes.
pub(super) fn look_remotely() -> Result<Standing, Failure> {
    match remote::ask_one(&Question::Status)? {
        Answer::Status(standing) => Ok(*standing),
        _ => Err(remote::failure(&std::io::ErrorKind::InvalidData.into())),
    }
}

/// Prints the line. Its exit codes are its own: 0 flowing, 1 late, 2 somebody is needed, 3 cannot tell.
#[must_use]
pub fn tell(found: Result<Standing, Failure>) -> Exit {
    match found {
        Ok(standing) => {
            let (exit, word) = match standing.verdict() {
                Verdict::Flowing => (Exit::Ok, "OK"),
                Verdict::Late => (Exit::Warnings, "WARNING"),
                Verdict::Stuck => (Exit::Critical, "CRITICAL"),
            };
            say(&format!("POSTRIDER {word}: {} | {}", standing.words(), standing.perfdata()));
            exit
        }
        Err(failure) => {
            say(&format!("POSTRIDER UNKNOWN: {}", failure.message.lines().next().unwrap_or_default()));
            Exit::CannotTell
        }
    }
}

fn say(line: &str) {
    // The bar divides words from figures.
    let (words, figures) = line.rsplit_once(" | ").unwrap_or((line, ""));
    let clean: String = words.chars().map(|c| if c.is_control() || c == '|' { '?' } else { c }).collect();
    let bar = if figures.is_empty() { "" } else { " | " };
    // Whoever does not read it has the exit code.
    let _ = writeln!(std::io::stdout(), "{clean}{bar}{figures}");
}
