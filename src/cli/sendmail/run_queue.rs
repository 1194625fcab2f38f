//! `sendmail -q`, `-bd` and `-bD`: having the queue run. The running is postrider's; this
//! program stays free of TLS and starts it.

use super::Here;
use super::failure::Failure;
use super::values::Test;
use crate::cli::exit::{self, Exit};
use crate::config::Config;
use crate::spool::{MessageId, SpoolError};
use crate::submit::hand_over::{self, Show};

/// Attempts what waits and passes the tests; like Sendmail, it ends when that is done.
pub(super) fn flush(here: &Here, tests: &[Test], show: Show) -> Result<Exit, Failure> {
    let ids = if tests.is_empty() { Vec::new() } else { selected(here, tests).map_err(exit::Failure::from)? };
    if ids.is_empty() && !tests.is_empty() {
        return Ok(Exit::Ok);
    }
    let ended = hand_over::flush_and_wait(&here.config, &ids, show);
    match ended.and_then(|status| status.code()) {
        // What became of the mail is no failure of the queue run. Where SIGCHLD is ignored, the code is not to be had.
        Some(0) | None => Ok(Exit::Ok),
        Some(code) if code == i32::from(hand_over::ALL_REFUSED) => Ok(Exit::Ok),
        // It has said why.
        Some(_) => Ok(Exit::TempFail),
    }
}

fn selected(here: &Here, tests: &[Test]) -> Result<Vec<MessageId>, SpoolError> {
    let passes = |id: &MessageId| {
        let stored = here.spool.open_message(id);
        stored.is_ok_and(|stored| tests.iter().all(|test| test.passes(&stored.envelope)))
    };
    Ok(here.spool.ids()?.into_iter().filter(passes).collect())
}

/// Becomes the runner.
pub(super) fn become_runner(config: &Config) -> Result<Exit, Failure> {
    Err(Failure::Start("postrider run", hand_over::become_runner(config)))
}
