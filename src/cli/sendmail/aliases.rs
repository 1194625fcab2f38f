//! `sendmail -bi` and newaliases(1): there is nothing to build, since tables are read as
//! text; what remains is to say whether they can be read.

use super::failure::Failure;
use crate::cli::exit::Exit;
use crate::config::{ArrivalTables, Config, TableSet};

/// Loads the tables that the config names.
pub(super) fn check(config: &Config) -> Result<Exit, Failure> {
    let mut faults = TableSet::load("generic", &config.generic).faults();
    faults.extend(ArrivalTables::load(&config.rewriting).faults());
    if faults.is_empty() { Ok(Exit::Ok) } else { Err(Failure::Tables(faults)) }
}
