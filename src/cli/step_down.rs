//! Root's commands that touch the machine's spool first become the user that the runner is, so that nothing there
//! ever belongs to root, and a password or table that the runner cannot read is found by whoever tries.

use std::ffi::CString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{self, Uid, User};

use super::exit::{Exit, Failure};
use crate::config::{Config, locate, places};

/// Whose the machine's spool is.
const RUNNER: &str = "postrider";

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
    if !Uid::effective().is_root() {
        return Ok(());
    }
    let failed = |errno: nix::Error| {
        Failure::new(
            Exit::OsError,
            format_args!("cannot switch to user {RUNNER}, who owns {}: {errno}; run this as {RUNNER}", spool.display()),
        )
    };
    let Some(user) = User::from_name(RUNNER).map_err(failed)? else { return Ok(()) };
    let name = CString::new(user.name).unwrap_or_default();
    unistd::initgroups(&name, user.gid).map_err(failed)?;
    unistd::setgid(user.gid).map_err(failed)?;
    unistd::setuid(user.uid).map_err(failed)
}
