//! Root's commands that touch the machine's spool first become the user that the runner is, so that nothing there
//! ever belongs to root, and a password or table that the runner cannot read is found by whoever tries.

use std::ffi::CString;

use nix::unistd::{self, Uid, User};

use super::exit::{Exit, Failure};
use crate::config::{Config, locate};

/// Whose the machine's spool is.
const RUNNER: &str = "postrider";

/// Becomes the runner's user for good, where root uses the machine's config and there is such a user. Who called
/// stays known: callers are looked up when the config is located.
pub(super) fn if_root(config: &Config) -> Result<(), Failure> {
    let is_machines = config.path.as_os_str() == locate::SYSTEM_CONFIG;
    if !is_machines || !Uid::effective().is_root() {
        return Ok(());
    }
    let failed = |errno: nix::Error| {
        Failure::new(
            Exit::OsError,
            format_args!(
                "cannot become user {RUNNER}, who owns {}: {errno}; run this as {RUNNER}",
                config.spool.display()
            ),
        )
    };
    let Some(user) = User::from_name(RUNNER).map_err(failed)? else { return Ok(()) };
    let name = CString::new(user.name).unwrap_or_default();
    unistd::initgroups(&name, user.gid).map_err(failed)?;
    unistd::setgid(user.gid).map_err(failed)?;
    unistd::setuid(user.uid).map_err(failed)
}
