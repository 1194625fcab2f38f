//! `sendmail -bi` and newaliases(1): there is nothing to build, since tables are read as
//! text; what remains is to say whether they can be read.

use std::fs;
use std::path::Path;

use super::failure::Failure;
use crate::cli::exit::Exit;
use crate::config::places::{self, USUAL_ALIASES};
use crate::config::{ArrivalTables, Config, LeavingTables, TableSource};

/// Loads the tables that the config names.
pub(super) fn check(config: &Config) -> Result<Exit, Failure> {
    tell(config);
    let mut faults = LeavingTables::load(config).faults();
    faults.extend(ArrivalTables::load(&config.rewriting).faults());
    if faults.is_empty() { Ok(Exit::Ok) } else { Err(Failure::Tables(faults)) }
}

/// Whoever edits the usual file and calls newaliases learns whether it is read.
fn tell(config: &Config) {
    let files = config.rewriting.aliases.iter().filter_map(TableSource::path).filter(|path| path.exists());
    let mut is_usual_read = false;
    for path in files {
        is_usual_read |= path == Path::new(USUAL_ALIASES);
        print_line!("{} is read", path.display());
    }
    let has_rows = |text: &str| text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let is_machines = config.path.as_os_str() == places::SYSTEM_CONFIG;
    if is_machines && !is_usual_read && fs::read_to_string(USUAL_ALIASES).is_ok_and(|text| has_rows(&text)) {
        complain!(
            "newaliases: {USUAL_ALIASES} is not used; to use it, set aliases = [\"{USUAL_ALIASES}\"] in {}",
            config.path.display()
        );
    }
}
