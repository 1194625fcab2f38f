//! `--config` for the commands that read no configuration: it is not offered, and it is refused.

use std::path::PathBuf;

use super::exit::{Exit, Failure};

/// Takes the place of the global option.
#[derive(Debug, clap::Args)]
pub struct NoConfig {
    /// Not for this command
    #[arg(id = "config", long = "config", hide = true, value_name = "FILE")]
    _config: Option<PathBuf>,
}

/// The error where it is given all the same.
pub fn refused() -> Failure {
    let message = "this command reads no configuration, so --config cannot be used; to choose where init and import \
                   write, use --output";
    Failure::new(Exit::Usage, message)
}
