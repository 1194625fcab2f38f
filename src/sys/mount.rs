//! Where a path is mounted from: the type of its file system, by name. Whether that will do is decided elsewhere.

use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags};

/// The mounts that this process sees (proc(5)).
const MOUNTS: &str = "/proc/self/mountinfo";

/// The type of the file system that a path is on, such as `ext4`.
pub fn file_system(path: &Path) -> io::Result<String> {
    let about = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID)?;
    let mounts = std::fs::read_to_string(MOUNTS)?;
    named(&mounts, about.stx_mnt_id).map(str::to_owned).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The type in the line of this mount.
fn named(mounts: &str, id: u64) -> Option<&str> {
    let id = id.to_string();
    let line = mounts.lines().find(|line| line.split(' ').next() == Some(&id))?;
    line.split_once(" - ")?.1.split(' ').next()
}

/// The name of this process's mount namespace, which those that see other mounts do not have (`namespaces(7)`).
pub fn namespace() -> io::Result<String> {
    Ok(std::fs::read_link("/proc/self/ns/mnt")?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
