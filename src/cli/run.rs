//! `postrider run`: the runner in the foreground, or the detached one that background
//! delivery leaves behind.

use std::sync::Arc;

use super::exit::{Exit, Failure};
use crate::config::Config;
use crate::runner::ears::{self, Ears};
use crate::runner::settings::Settings;
use crate::runner::watch::Watchers;
use crate::runner::{Engine, Until, control};
use crate::spool::journal::Journal;
use crate::spool::lock::{RunnerLock, TryLock};
use crate::spool::{Spool, SpoolError};
use crate::submit::hand_over;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One pass over what is due, then end
    #[arg(long)]
    once: bool,
    /// End when the queue is empty
    #[arg(long, conflicts_with = "once")]
    until_empty: bool,
    /// Leave the caller's session and directory (background delivery)
    #[arg(long, hide = true)]
    detached: bool,
}

impl Arguments {
    fn until(&self) -> Until {
        if self.once {
            Until::OnePass
        } else if self.until_empty {
            Until::Empty
        } else {
            Until::Told
        }
    }
}

/// Runs until the end that the arguments name.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.detached {
        hand_over::detach();
    }
    let until = arguments.until();
    let spool = Spool::open(&config.spool)?;
    loop {
        let ears = Ears::default();
        let deaf = |error: std::io::Error| {
            Failure::new(Exit::OsError, format_args!("cannot listen in {}: {error}", spool.dir().display()))
        };
        ears::signals(ears.sender.clone()).map_err(deaf)?;
        let lock = match RunnerLock::try_take(&spool)? {
            TryLock::Taken(lock) => lock,
            // The one that holds it takes care of the mail.
            TryLock::Held(_) if until == Until::Empty => return Ok(Exit::Ok),
            TryLock::Held(pid) => return Err(held(&spool, pid)),
        };
        let settings = Settings::new(config.clone(), spool.clone(), Arc::new(Watchers::default()));
        ears::queue(&spool, ears.sender.clone()).map_err(deaf)?;
        control::listen(&spool, ears.sender.clone()).map_err(deaf)?;
        Engine::new(settings, lock, until, ears)?.run()?;
        // A mail may have arrived between the last look and the lock's return.
        if until != Until::Empty || !has_work(&spool)? {
            return Ok(Exit::Ok);
        }
    }
}

fn held(spool: &Spool, pid: Option<u32>) -> Failure {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    let spool = spool.dir().display();
    Failure::new(
        Exit::TempFail,
        format_args!("{who} is the runner of {spool} already; `postrider flush` makes it try everything now"),
    )
}

fn has_work(spool: &Spool) -> Result<bool, SpoolError> {
    for id in spool.ids()? {
        let Ok(stored) = spool.open_message(&id) else { continue };
        if !Journal::peek(spool, &id, stored.envelope.recipients.len()).is_ok_and(|state| state.held) {
            return Ok(true);
        }
    }
    Ok(false)
}
