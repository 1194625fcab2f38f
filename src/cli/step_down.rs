//! Root's commands that touch the machine's spool first become the user that the runner is, so that nothing there
//! ever belongs to root, and a command finds a password or table that the runner cannot read.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::exit::{Exit, Failure};
use crate::config::{Config, locate, places};
use crate::sys::privileges;

/// Whose the machine's spool is.
pub(super) const RUNNER: &str = "postrider";

/// Becomes the runner's user for good, where root uses the machine's config and there is such a user. Who called
/// stays known: callers are looked up when the config is located.
pub(super) fn if_root(config: &Config) -> Result<(), Failure> {
    let is_machines = config.path.as_os_str() == places::SYSTEM_CONFIG;
    if is_machines { to_runner(&config.spool) } else { Ok(()) }
}

/// Whether a command with this `--config` works on the spool of the machine, and there is a runner's user.
pub(super) fn is_machines(named: Option<&Path>) -> bool {
    let names_ours = named.is_some_and(|path| path.as_os_str() == places::SYSTEM_CONFIG);
    let spool = Path::new(places::SYSTEM_SPOOL).metadata();
    (names_ours || locate::is_system_mode(named)) && spool.is_ok_and(|spool| spool.uid() != 0)
}

/// The same where no config could be read.
pub(super) fn to_runner(spool: &Path) -> Result<(), Failure> {
    if !privileges::is_root() {
        return Ok(());
    }
    privileges::become_user(RUNNER).map_err(|error| {
        let owned = spool.display();
        let message = format_args!("cannot switch to user {RUNNER}, who owns {owned}: {error}; run this as {RUNNER}");
        Failure::new(Exit::OsError, message)
    })
}
