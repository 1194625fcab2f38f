//! `postrider queue` and `mailq`: the commands on a queue. Listing, showing and changing it have a
//! file each.

mod format;
pub(super) mod ids;
mod list;
mod mailq;
pub mod modify;
mod selection_args;
mod show;

use std::io;

use super::exit::{Exit, Failure};
use crate::control::message_detail::Part;
use crate::control::message_ids::Place;
use crate::control::modify::Change;
use crate::control::queue_access::QueueAccess;
use crate::control::selection::Selection;

pub use self::format::{Format, QueueError};
pub(super) use self::format::{changed, quiet};
pub use self::list::list;
pub use self::selection_args::Which;
pub use self::show::show;

/// `postrider queue ...`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// List queued messages, oldest first, with subject, age and where they go
    List {
        /// Which messages.
        #[command(flatten)]
        which: Which,
        /// Print one JSON object per line (with the members of postqueue -j, and more)
        #[arg(long)]
        json: bool,
    },
    /// Show one message: envelope, attempts and header
    Show {
        /// The message id, as listed by mailq; its first digits are enough
        id: String,
        /// Show the text of the message as well
        #[arg(long)]
        body: bool,
        /// Only look in failed/
        #[arg(long)]
        failed: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Do not send messages until they are released
    Hold(Chosen),
    /// Release held messages
    Release(Chosen),
    /// Delete messages without notifying anybody; the history lists them as deleted
    Delete(Chosen),
    /// Make messages due now; those in failed/ return to the queue
    Retry {
        /// Which messages, and how the results are printed.
        #[command(flatten)]
        chosen: Chosen,
        /// Apply canonical, virtual and aliases again to recipients that still wait
        #[arg(long)]
        readmit: bool,
    },
}

/// Messages to change.
#[derive(Debug, Clone, clap::Args)]
pub struct Chosen {
    #[command(flatten)]
    which: Which,
    /// Print one JSON object per message
    #[arg(long)]
    json: bool,
}

/// Arguments of `queue`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Runs `postrider queue ...`.
pub fn run(access: &QueueAccess, arguments: &Arguments) -> Result<Exit, Failure> {
    let (change, chosen) = match &arguments.command {
        Command::Hold(chosen) => (Change::Hold, chosen),
        Command::Release(chosen) => (Change::Release, chosen),
        Command::Delete(chosen) => (Change::Delete, chosen),
        Command::Retry { chosen, readmit: false } => (Change::Retry, chosen),
        Command::Retry { chosen, readmit: true } => (Change::Readmit, chosen),
        Command::List { which, json } if which.is_failed() => {
            let selection = which.selection(access)?;
            return list::failed(access, &selection, Format::from(*json), &mut io::stdout().lock());
        }
        Command::List { which, json } => {
            let selection = which.selection(access)?;
            return quiet(list(access, selection, Format::from(*json), &mut io::stdout().lock()));
        }
        Command::Show { id, body, failed, json } => {
            let part = if *body { Part::Body } else { Part::Header };
            let place = if *failed { Place::Failed } else { Place::Anywhere };
            let shown = ids::resolve(access, id, place)
                .and_then(|id| show(access, (id, place), part, Format::from(*json), &mut io::stdout().lock()));
            return quiet(shown);
        }
    };
    modify::run(access, change, &chosen.which, Format::from(chosen.json))
}

/// `mailq`.
pub fn mailq(access: &QueueAccess) -> Result<Exit, Failure> {
    quiet(list(access, Selection::default(), Format::Mailq, &mut io::stdout().lock()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
