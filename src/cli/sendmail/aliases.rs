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
    tell(config, program);
    let mut faults = LeavingTables::load(config).faults();
    faults.extend(ArrivalTables::load(&config.rewriting).faults());
    if faults.is_empty() { Ok(Exit::Ok) } else { Err(Failure::Tables(faults)) }
}

/// Whoever edits the usual file and calls newaliases learns whether it is read.
fn tell(config: &Config, program: Program) {
    let files = config.rewriting.aliases.iter().filter_map(TableSource::path).filter(|path| path.exists());
    let (mut is_usual_read, mut is_any_read) = (false, false);
    for path in files {
        is_usual_read |= path == Path::new(USUAL_ALIASES);
        is_any_read = true;
        print_line!("{} is read", path.display());
    }
    let has_rows = |text: &str| text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let is_machines = config.path.as_os_str() == places::SYSTEM_CONFIG;
    if is_machines && !is_usual_read && fs::read_to_string(USUAL_ALIASES).is_ok_and(|text| has_rows(&text)) {
        program.warn(format_args!(
            "{USUAL_ALIASES} is not used; to use it, set aliases = [\"{USUAL_ALIASES}\"] in {}",
            config.path.display()
        ));
    } else if let Some(why) = nothing_read(config).filter(|_| !is_any_read) {
        program.warn(why);
    }
}

/// Why there is no file to name; `None` if one is named that is not there, which is told as a fault.
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
