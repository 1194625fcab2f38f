//! `sendmail -bi` and newaliases(1): there is nothing to build, since tables are read as
//! text; what remains is to say whether they can be read.

use std::fs;
use std::path::Path;

use super::failure::Failure;
use crate::cli::exit::Exit;
use crate::config::{ArrivalTables, Config, LeavingTables, TableSource, places};

/// Where other mail programs have theirs.
const USUAL: &str = "/etc/aliases";

/// Loads the tables that the config names.
pub(super) fn check(config: &Config) -> Result<Exit, Failure> {
    unused(config);
    let mut faults = LeavingTables::load(config).faults();
    faults.extend(ArrivalTables::load(&config.rewriting).faults());
    if faults.is_empty() { Ok(Exit::Ok) } else { Err(Failure::Tables(faults)) }
}

/// Whoever edits the usual file and calls newaliases must learn that the machine's config does not name it.
fn unused(config: &Config) {
    let is_machines = config.path.as_os_str() == places::SYSTEM_CONFIG;
    let is_named = config.rewriting.aliases.iter().filter_map(TableSource::path).any(|path| path == Path::new(USUAL));
    let has_rows = |text: &str| text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'));
    if is_machines && !is_named && fs::read_to_string(USUAL).is_ok_and(|text| has_rows(&text)) {
        complain!(
            "newaliases: {USUAL} is not used; to use it, set aliases = [\"{USUAL}\"] in {}",
            config.path.display()
        );
    }
}
