//! Gives up root's privileges: permanently, where `cli::step_down` decides it, or while files of a user's are read.

use std::ffi::CString;
use std::io;

use nix::unistd::{self, Gid, Uid, User};

use super::name_service;
use super::user::environment_is_trusted;

/// Whether this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Uid and gid of the user of this name, if there is one.
#[must_use]
pub fn ids_of(login: &str) -> Option<(u32, u32)> {
    name_service::user_named(login).map(|user| (user.uid.as_raw(), user.gid.as_raw()))
}

/// The gid of the group of this name, if there is one.
#[must_use]
pub fn gid_of(group: &str) -> Option<u32> {
    name_service::group_named(group).map(Gid::as_raw)
}

/// Changes to this user, with all their groups. Does nothing if there is no such user.
pub fn become_user(login: &str) -> io::Result<()> {
    let Some(user) = User::from_name(login)? else { return Ok(()) };
    // What it is read from can be read by root alone after that.
    let _ = environment_is_trusted();
    let name = CString::new(user.name).unwrap_or_default();
    // The uid must be last, because the other calls need root.
    unistd::initgroups(&name, user.gid)?;
    unistd::setgid(user.gid)?;
    unistd::setuid(user.uid)?;
    Ok(())
}

/// Does something with the rights of another user and their groups, as root, who is root again afterwards.
pub fn with_rights_of<T>(uid: u32, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let uid = Uid::from_raw(uid);
    let (name, gid) = match User::from_uid(uid)? {
        Some(user) => (CString::new(user.name).unwrap_or_default(), user.gid),
        // Somebody of another machine: the groups of nobody.
        None => (CString::default(), Gid::from_raw(uid.as_raw())),
    };
    let own = (unistd::getgroups()?, Gid::effective());
    let groups = if name.is_empty() { vec![gid] } else { unistd::getgrouplist(&name, gid)? };
    let begun = unistd::setgroups(&groups)
        .and_then(|()| unistd::setegid(gid))
        // The uid must be last, because the other calls need root.
        .and_then(|()| unistd::seteuid(uid));
    let result = begun.map_err(io::Error::from).and_then(|()| work());
    unistd::seteuid(Uid::from_raw(0))?;
    unistd::setegid(own.1)?;
    unistd::setgroups(&own.0)?;
    result
}
