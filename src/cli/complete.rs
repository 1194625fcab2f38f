//! `postrider complete`: what the shells' completions offer that only this program knows, one word a line. It says
//! nothing where it cannot know: somebody is in the middle of a command line.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::exit::Exit;
use super::{load, queue_access};
use crate::control::message_ids::Place;
use crate::import::Program;
use crate::spool::IdPrefix;

/// What is to be completed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Wanted {
    /// Names of accounts.
    Accounts,
    /// Names of network clients.
    Clients,
    /// Ids in queue/ and failed/.
    Ids,
    /// Ids of mail that has left the queue.
    History,
    /// Programs that `import` reads.
    Programs,
}

/// How far back history is searched: completion must not wait for 90 days of it.
const RECENT: SignedDuration = SignedDuration::from_hours(48);

/// Prints the candidates.
#[must_use]
pub fn run(named: Option<&Path>, wanted: Wanted) -> Exit {
    let words = match wanted {
        Wanted::Accounts => accounts(named),
        Wanted::Clients => clients(named),
        Wanted::Ids => ids(named),
        Wanted::History => finished(named),
        Wanted::Programs => Some(Program::ALL.map(|program| program.name().to_owned()).to_vec()),
    };
    for word in words.unwrap_or_default() {
        print_line!("{word}");
    }
    Exit::Ok
}

fn accounts(named: Option<&Path>) -> Option<Vec<String>> {
    Some(load(named).ok()?.account_names().into_iter().map(str::to_owned).collect())
}

fn clients(named: Option<&Path>) -> Option<Vec<String>> {
    Some(load(named).ok()?.clients.iter().map(|client| client.name.to_string()).collect())
}

fn ids(named: Option<&Path>) -> Option<Vec<String>> {
    let ids = queue_access(named).ok()?.ids(&IdPrefix::empty(), Place::Anywhere).ok()?;
    Some(ids.iter().map(ToString::to_string).collect())
}

fn finished(named: Option<&Path>) -> Option<Vec<String>> {
    let since = Timestamp::now().checked_sub(RECENT).ok()?;
    let mut ids = BTreeSet::new();
    let access = queue_access(named).ok()?;
    access
        .history(Some(since), |record, _| {
            ids.insert(record.id.to_string());
            Ok(())
        })
        .ok()?;
    Some(ids.into_iter().collect())
}
