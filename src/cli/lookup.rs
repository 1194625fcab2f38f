//! `postrider lookup`: what a table answers, asked for one key as it is.

use super::exit::{Exit, Failure};
use crate::config::keys::TABLE_KEYS;
use crate::config::{ArrivalTables, Config, Hit, Propagates, Span, TableFault, TableSet};
use crate::mail::address::Address;
use crate::mail::printable::printable;
use crate::rules::map::{Expanded, Map};

/// Arguments of `lookup`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The table option, such as generic, canonical, virtual or aliases
    table: String,
    /// The key: an address, a user, or @domain
    key: String,
}

/// Prints value and place; exit 1 without a row.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    let tables = tables(config, &arguments.table)?;
    match answer(&tables, config, arguments) {
        Ok(Some((hit, whole))) => {
            let whole = whole.map(|whole| format!(" (for {whole})")).unwrap_or_default();
            print_line!("{}    # {}{}", printable(&hit.value), printable(&hit.place), printable(&whole));
            Ok(Exit::Ok)
        }
        Ok(None) => {
            let other = other(&tables, config, &arguments.key);
            let other = other.map(|Expanded { key, place, .. }| format!("; for mail, \"{key}\" answers ({place})"));
            let key = printable(&arguments.key);
            complain!(
                "postrider: {} has no entry for \"{key}\"{}",
                arguments.table,
                printable(&other.unwrap_or_default())
            );
            Ok(Exit::Warnings)
        }
        Err(fault) => Err(Failure::new(Exit::Config, fault)),
    }
}

/// The row for the key, and the address that it is for where that is not the key: for a user alone, mail asks for the address
/// that `origin` completes first, and pattern tables for nothing else.
fn answer(
    tables: &TableSet,
    config: &Config,
    Arguments { table, key }: &Arguments,
) -> Result<Option<(Hit, Option<String>)>, TableFault> {
    // The whole keys of aliases are users.
    let is_whole = table == "aliases" || key.find('@').is_some_and(|at| at > 0);
    let hit = tables.lookup(key, if is_whole { Span::Whole } else { Span::Part })?;
    if hit.is_some() || is_whole || key.starts_with('@') {
        return Ok(hit.map(|hit| (hit, None)));
    }
    let whole = format!("{key}@{}", config.origin);
    Ok(tables.lookup(&whole, Span::Whole)?.map(|hit| (hit, Some(whole))))
}

/// The row under another key that mail asks for with this address.
fn other(tables: &TableSet, config: &Config, key: &str) -> Option<Expanded> {
    let whole = if key.contains('@') { key.to_owned() } else { format!("{key}@{}", config.origin) };
    let map = Map { config, tables, kind: Propagates::Virtual };
    map.many(&Address::parse(&whole).ok()?).ok()?
}

fn tables(config: &Config, option: &str) -> Result<TableSet, Failure> {
    let ArrivalTables { canonical, sender_canonical, recipient_canonical, virtuals, aliases } = match option {
        "generic" => return Ok(TableSet::load("generic", &config.generic)),
        "local_users" => return Ok(TableSet::load("local_users", &config.local_users)),
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
            format_args!("{option} is not a table option; the table options are {}", TABLE_KEYS.join(", ")),
        )),
    }
}
