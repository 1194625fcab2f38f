//! `sendmail -q`, `-bd` and `-bD`: having the queue run. The running is postrider's; this
//! program stays free of TLS and starts it.

use super::UserMode;
use super::failure::Failure;
use super::option_values::{Parts, Test};
use crate::cli::exit::{self, Exit};
use crate::cli::remote;
use crate::config::Config;
use crate::control::selection::Selection;
use crate::runner::listener::{control_socket, query};
use crate::spool::{MessageId, SpoolError};
use crate::submit::frontend::start_runner::{self, Show};

/// Attempts what waits and passes the tests; like Sendmail, it ends when that is done.
pub(super) fn flush(here: &UserMode, tests: &[Test], show: Show) -> Result<Exit, Failure> {
    let ids = if tests.is_empty() { Vec::new() } else { selected(here, tests).map_err(exit::Failure::from)? };
    if ids.is_empty() && !tests.is_empty() {
        return Ok(Exit::Ok);
    }
    let ended = start_runner::flush_and_wait(&here.config, &ids, show);
    match ended.and_then(|status| status.code()) {
        // What became of the mail is no failure of the queue run. Where SIGCHLD is ignored, the code is not to be had.
        Some(0) | None => Ok(Exit::Ok),
        Some(code) if code == i32::from(start_runner::ALL_REFUSED) => Ok(Exit::Ok),
        // It has said why.
        Some(_) => Ok(Exit::TempFail),
    }
}

fn selected(here: &UserMode, tests: &[Test]) -> Result<Vec<MessageId>, SpoolError> {
    let passes = |id: &MessageId| {
        let stored = here.spool.open_message(id);
        stored.is_ok_and(|stored| passes_all(tests, &Parts::from(&stored.envelope)))
    };
    Ok(here.spool.ids()?.into_iter().filter(passes).collect())
}

fn passes_all(tests: &[Test], message: &Parts) -> bool {
    tests.iter().all(|test| test.passes(message))
}

/// The same of the caller's own mail, by the machine's runner, whose queue is not this process's to read.
pub(super) fn flush_remotely(tests: &[Test]) -> Result<Exit, Failure> {
    let mut selection = Selection::default();
    if !tests.is_empty() {
        for answer in remote::ask(&query::Question::List { selection: Selection::default() })? {
            match answer.map_err(|error| remote::failure(&error))? {
                query::Answer::Item(item) if passes_all(tests, &Parts::from(&*item)) => {
                    selection.ids.insert(item.queue_id);
                }
                query::Answer::Totals(_) => break,
                _ => {}
            }
        }
        if selection.ids.is_empty() {
            return Ok(Exit::Ok);
        }
    }
    for answer in remote::ask(&control_socket::Question::Flush { selection })? {
        // What became of the mail is no failure of the queue run.
        let answer: control_socket::Answer = answer.map_err(|error| remote::failure(&error))?;
        if answer == control_socket::Answer::Finished {
            break;
        }
    }
    Ok(Exit::Ok)
}

/// Becomes the runner.
pub(super) fn become_runner(config: &Config) -> Result<Exit, Failure> {
    Err(Failure::Start("postrider run", start_runner::become_runner(config)))
}
