//! `sendmail -q`, `-bd` and `-bD`: having the queue run. The running is postrider's; this
//! program stays free of TLS and starts it.

use super::failure::Failure;
use super::option_values::{Parts, Test};
use crate::cli::exit::Exit;
use crate::config::Config;
use crate::control::error::AccessError;
use crate::control::listing::Listed;
use crate::control::protocol::Detail;
use crate::control::queue_access::QueueAccess;
use crate::control::selection::Selection;
use crate::spool::MessageId;
use crate::submit::frontend::start_runner::{self, Show};

/// Attempts what waits and passes the tests; like Sendmail, it ends when that is done. What becomes of the mail is no
/// failure of the queue run.
pub(super) fn flush(access: &QueueAccess, tests: &[Test], show: Show) -> Result<Exit, Failure> {
    let ids = if tests.is_empty() { Vec::new() } else { selected(access, tests)? };
    if ids.is_empty() && !tests.is_empty() {
        return Ok(Exit::Ok);
    }
    let Some(config) = access.config() else {
        access.flush(&Selection::of_ids(ids), Detail::Results, |_| {})?;
        return Ok(Exit::Ok);
    };
    match start_runner::flush_and_wait(config, &ids, show) {
        // Where SIGCHLD is ignored, the code is lost.
        None => Ok(Exit::Ok),
        Some(ended) if ended.code().is_none_or(|code| code == 0) || start_runner::is_refused(ended) => Ok(Exit::Ok),
        // It has reported why.
        Some(_) => Ok(Exit::TempFail),
    }
}

fn selected(access: &QueueAccess, tests: &[Test]) -> Result<Vec<MessageId>, AccessError> {
    let passes = |message: &Parts| tests.iter().all(|test| test.passes(message));
    let mut ids = Vec::new();
    if let QueueAccess::Spool(loaded) = access {
        // The whole envelope counts, with recipients as given.
        ids = loaded.spool.ids()?;
        ids.retain(|id| loaded.spool.open_message(id).is_ok_and(|stored| passes(&Parts::from(&stored.envelope))));
        return Ok(ids);
    }
    access.list(Selection::default(), |listed| {
        match listed {
            Listed::Item(item) if passes(&Parts::from(&*item)) => ids.push(item.queue_id),
            Listed::Item(_) | Listed::Unreadable(_) => {}
        }
        Ok(())
    })?;
    Ok(ids)
}

/// Becomes the runner.
pub(super) fn become_runner(config: &Config) -> Result<Exit, Failure> {
    Err(Failure::Start("postrider run", start_runner::become_runner(config)))
}
