//! Giving up root's rights for good. When a command does so is `cli::step_down`'s to say.

use std::ffi::CString;
use std::io;

use nix::unistd::{self, Uid, User};

/// Whether this process has root's rights.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Becomes this user, with the groups that they have. Nothing happens where there is no such user.
pub fn become_user(login: &str) -> io::Result<()> {
    let Some(user) = User::from_name(login)? else { return Ok(()) };
    let name = CString::new(user.name).unwrap_or_default();
    // The uid last: without it, the other two are not allowed any more.
    unistd::initgroups(&name, user.gid)?;
    unistd::setgid(user.gid)?;
    unistd::setuid(user.uid)?;
    Ok(())
}
