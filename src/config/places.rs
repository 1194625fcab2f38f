//! Where an installation for the whole machine has its parts. Fixed when the program is
//! built, so that whoever hands mail in needs to read no config.

use std::path::Path;

use super::locate::DROP_PROGRAM;

/// Where the runner takes mail in and answers.
pub const SOCKET: &str = match option_env!("POSTRIDER_SOCKET") {
    Some(path) => path,
    None => "/run/postrider/submit",
};

/// Whether postrider is installed for the whole machine: then mail of those without a config of their own is
/// handed in.
#[must_use]
pub fn is_installed() -> bool {
    Path::new(SOCKET).exists() || Path::new(DROP_PROGRAM).exists()
}
