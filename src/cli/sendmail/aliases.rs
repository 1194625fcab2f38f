//! `sendmail -bi` and newaliases(1): there is nothing to build, since tables are read as
//! text; what remains is to say whether they can be read.

use std::fs;
use std::path::Path;

use super::failure::{Failure, Program};
use crate::cli::exit::Exit;
use crate::config::places::{self, USUAL_ALIASES};
use crate::config::{ArrivalTables, Config, LeavingTables, TableSource};

/// Loads the tables that the config names.
pub(super) fn check(config: &Config, program: Program) -> Result<Exit, Failure> {
    let read = read(config);
    for path in &read {
        print_line!("{} is read", path.display());
    }
    let is_machines = config.path.as_os_str() == places::SYSTEM_CONFIG;
    if is_machines && !read.contains(&Path::new(USUAL_ALIASES)) && has_usual_rows() {
        program.warn(format_args!(
            "{USUAL_ALIASES} is not used; to use it, set aliases = [\"{USUAL_ALIASES}\"] in {}",
            config.path.display()
        ));
    }
    let mut faults = LeavingTables::load(config).faults();
    faults.extend(ArrivalTables::load(&config.rewriting).faults());
    if !faults.is_empty() {
        return Err(Failure::Tables(faults));
    }
    if let Some(why) = nothing_read(config).filter(|_| read.is_empty() && !is_machines) {
        program.warn(why);
    }
    Ok(Exit::Ok)
}

/// The alias files that are there: whoever edits the usual one and calls newaliases learns whether it is read.
fn read(config: &Config) -> Vec<&Path> {
    config.rewriting.aliases.iter().filter_map(TableSource::path).filter(|path| path.exists()).collect()
}

fn has_usual_rows() -> bool {
    let has_rows = |text: &str| text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'));
    fs::read_to_string(USUAL_ALIASES).is_ok_and(|text| has_rows(&text))
}

/// Why a user's configuration has no file to name; `None` if it names one that is not there, which is a fault. On the machine,
/// packages call newaliases whether or not there are aliases.
fn nothing_read(config: &Config) -> Option<String> {
    let shown = config.path.display();
    match config.rewriting.aliases.as_slice() {
        [] => Some(format!("no aliases are read, because `aliases` in {shown} is empty")),
        [TableSource::UsualAliases] => {
            Some(format!("no aliases are read: there is no {USUAL_ALIASES}; create it, or set `aliases` in {shown}"))
        }
        sources if sources.iter().all(|source| source.path().is_none()) => {
            Some(format!("only the aliases that are in {shown} itself are read"))
        }
        _ => None,
    }
}
