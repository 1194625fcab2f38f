//! Gives up root's privileges permanently. `cli::step_down` decides when.

use std::ffi::CString;
use std::io;

use nix::unistd::{self, Uid, User};

/// Whether this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Changes to this user, with all their groups. Does nothing if there is no such user.
pub fn become_user(login: &str) -> io::Result<()> {
    let Some(user) = User::from_name(login)? else { return Ok(()) };
    let name = CString::new(user.name).unwrap_or_default();
    // The uid must be last, because the other calls need root.
    unistd::initgroups(&name, user.gid)?;
    unistd::setgid(user.gid)?;
    unistd::setuid(user.uid)?;
    Ok(())
}
