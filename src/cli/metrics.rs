//! `postrider metrics`: figures in Prometheus' text format.

use std::path::Path;

use super::exit::{Exit, Failure};
use super::print;
use super::queue_access;

/// Prints them.
pub fn run(named: Option<&Path>) -> Result<Exit, Failure> {
    print::text(queue_access(named)?.metrics()?);
    Ok(Exit::Ok)
}
