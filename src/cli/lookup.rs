//! `postrider lookup`: what a table answers, asked for one key as it is.

use super::exit::{Exit, Failure};
use crate::config::{ArrivalTables, Config, Span, TableSet};
use crate::mail::printable::printable;

/// Arguments of `lookup`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The table option, such as generic, canonical, virtual or aliases
    table: String,
    /// The key: an address, a user, or @domain
    key: String,
}

/// The options that may be asked.
const OPTIONS: [&str; 6] = ["generic", "canonical", "sender_canonical", "recipient_canonical", "virtual", "aliases"];

/// Prints value and place; exit 1 without a row.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    let tables = tables(config, &arguments.table)?;
    // Pattern tables are asked for whole addresses; aliases' whole keys are users.
    let is_whole = arguments.table == "aliases" || arguments.key.find('@').is_some_and(|at| at > 0);
    let span = if is_whole { Span::Whole } else { Span::Part };
    match tables.lookup(&arguments.key, span) {
        Ok(Some(hit)) => {
            print_line!("{}    # {}", printable(&hit.value), printable(&hit.place));
            Ok(Exit::Ok)
        }
        Ok(None) => {
            complain!("postrider: {} has no entry for \"{}\"", arguments.table, printable(&arguments.key));
            Ok(Exit::Warnings)
        }
        Err(fault) => Err(Failure::new(Exit::Config, fault)),
    }
}

fn tables(config: &Config, option: &str) -> Result<TableSet, Failure> {
    let ArrivalTables { canonical, sender_canonical, recipient_canonical, virtuals, aliases } = match option {
        "generic" => return Ok(TableSet::load("generic", &config.generic)),
        _ => ArrivalTables::load(&config.rewriting),
    };
    match option {
        "canonical" => Ok(canonical),
        "sender_canonical" => Ok(sender_canonical),
        "recipient_canonical" => Ok(recipient_canonical),
        "virtual" => Ok(virtuals),
        "aliases" => Ok(aliases),
        _ => Err(Failure::new(
            Exit::Usage,
            format_args!("{option} is not a table option; the table options are {}", OPTIONS.join(", ")),
        )),
    }
}
