//! A folder that root makes for another user, or gives to that user. Who that is is decided elsewhere.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags, fchmod, fchown, fstat, open};
use rustix::process::{Gid, Uid};

/// Makes it where it is missing. One of root's, and a new one, becomes that of the owner (uid and gid) with this mode; one that
/// belongs to somebody else is left as it is. Looked at is what was opened, and no link is followed: the folder above may be the
/// other user's.
pub fn give(path: &Path, owner: (u32, u32), mode: u32) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = open(path, flags, Mode::empty())?;
    if fstat(&folder)?.st_uid != 0 {
        return Ok(());
    }
    let (uid, gid) = owner;
    fchown(&folder, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    // The mode comes last, because a change of owner may clear bits of it.
    fchmod(&folder, Mode::from_raw_mode(mode))?;
    Ok(())
}
