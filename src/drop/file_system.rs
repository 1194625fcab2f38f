//! On which file systems an fsync of a file makes all names that it was given before durable as well.

use std::fs::{read_link, read_to_string};
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{AtFlags, StatxFlags};

/// The file systems of which that is so, each with its reason:
///
/// - ext4 with a journal: a name is in the running transaction, or in an earlier one, and fsync waits until that is on disk;
/// - xfs: a name changes the count of links of the file, and fsync forces the log up to the file's last change;
/// - btrfs: fsync writes the names of a file with it into the log tree.
///
/// Not ext2 and ext3, which the same driver may mount; f2fs, overlayfs, network file systems, and what is not known.
const KNOWN: [&str; 3] = ["ext4", "xfs", "btrfs"];

/// With these the disk may put off what it was told to write.
const UNSAFE: [&str; 2] = ["nobarrier", "barrier=0"];

/// Whether it is so in this folder. Where anything is not known, it is not.
#[must_use]
pub fn syncs_names_with_files(folder: BorrowedFd<'_>) -> bool {
    forced().unwrap_or_else(|| mount_of(folder).is_some_and(|mount| is_known(&mount)))
}

/// Tests may want either way. Programs that are installed have no such switch.
fn forced() -> Option<bool> {
    if !cfg!(debug_assertions) {
        return None;
    }
    std::env::var("POSTRIDER_FLUSHES").ok().map(|flushes| flushes == "one")
}

/// The line of its mount in mountinfo (proc(5)). The number of the device alone does not lead there: a subvolume of btrfs has
/// one of its own.
fn mount_of(folder: BorrowedFd<'_>) -> Option<String> {
    let about = rustix::fs::statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
    let id = (about.stx_mask & StatxFlags::MNT_ID.bits() != 0).then(|| about.stx_mnt_id.to_string())?;
    let mounts = read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find(|line| line.split(' ').next() == Some(&id)).map(str::to_owned)
}

fn is_known(mount: &str) -> bool {
    let Some((about, system)) = mount.split_once(" - ") else { return false };
    let mut fields = system.split(' ');
    let (kind, options) = (fields.next().unwrap_or_default(), fields.nth(1).unwrap_or_default());
    let is_safe = !options.split(',').any(|option| UNSAFE.contains(&option));
    is_safe && KNOWN.contains(&kind) && (kind != "ext4" || has_journal(about.split(' ').nth(2).unwrap_or_default()))
}

/// Whether the ext4 on this device, `major:minor`, has a journal, and so a thread for it.
fn has_journal(device: &str) -> bool {
    let link = read_link(Path::new("/sys/dev/block").join(device)).unwrap_or_default();
    let name = link.file_name().unwrap_or_default();
    let thread = read_to_string(Path::new("/sys/fs/ext4").join(name).join("journal_task"));
    thread.is_ok_and(|thread| thread.trim().parse::<i32>().is_ok())
}

#[cfg(test)]
mod tests;
