//! The drop program: stores the submission on its standard input as drop/UID.SLOT, for the
//! runner to pick up. It is set-group-id and started by anyone, with any arguments,
//! environment, limits and descriptors: it looks at none of the first two, exits 0 only
//! when all of one whole frame is on disk, and otherwise leaves nothing.

mod harden;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

use postrider_drop::checksum::Checksum;
use postrider_drop::durable::{Durable, Folder, NotKept};
use postrider_drop::frame::{FrameError, Place, WIDEST};
use postrider_drop::{FOLDER, HIDDEN, NOT_IN_GROUP, NOT_STORED, RESERVE, ROOT_SLOTS, SLOTS, SPOOL, WAITING};
use rustix::fs::{AtFlags, Gid};
use rustix::process::{getegid, geteuid};

/// Why nothing was stored: the exit code, and the line that says it.
struct Refusal(u8, String);

fn main() -> ExitCode {
    harden::harden();
    let Err(Refusal(code, text)) = store() else { return ExitCode::SUCCESS };
    // Whoever closed it does not want to know.
    let _ = writeln!(io::stderr(), "postrider-drop: not stored: {text}");
    ExitCode::from(code)
}

fn store() -> Result<(), Refusal> {
    let path = Path::new(SPOOL).join(FOLDER);
    let group = Gid::from_raw(rustix::fs::stat(&path).map_err(cannot("find"))?.st_gid);
    if getegid() != group && !geteuid().is_root() {
        let why = "the set-group-id bit has no effect (NoNewPrivileges, a nosuid mount or a debugger)";
        return Err(Refusal(NOT_IN_GROUP, format!("{why}; if that is unexpected, run \"postrider check\" as root")));
    }
    let folder = Folder::open(&path).map_err(cannot("open"))?;
    let mut durable = Durable::create(&folder, 0o640).map_err(cannot("create a file in"))?;
    rustix::fs::fchown(durable.file(), None, Some(group)).map_err(cannot("set the group of a file in"))?;
    if let Some(sum) = copy(durable.file(), &folder)? {
        durable.file().write_all(&sum.end()).map_err(cannot("write to"))?;
    }
    let inode = rustix::fs::fstat(durable.file()).map_err(cannot("examine a file in"))?.st_ino;
    durable.keep_hidden(names(&folder, inode), HIDDEN, &Folder::sync).map_err(|NotKept { error, .. }| {
        match error.kind() {
            io::ErrorKind::AlreadyExists => {
                later(format!("too much mail of this user waits in {SPOOL}/{FOLDER}; start the postrider service"))
            }
            _ => cannot("store a file in")(error),
        }
    })
}

/// Copies one frame, its end included and nothing behind it. Where it will be stored under a hidden name first, its checksum: whoever
/// finds it half stored can tell.
fn copy(mut file: &File, folder: &Folder) -> Result<Option<Checksum>, Refusal> {
    let (input, mut place, mut buffer) = (io::stdin(), Place::at_start(WIDEST), [0_u8; 16 * 1024]);
    let mut sum = folder.syncs_names().then(Checksum::default);
    while place.missing() > 0 {
        let wanted = place.missing().min(buffer.len());
        let room = buffer.get_mut(..wanted).unwrap_or_default();
        let read = rustix::io::retry_on_intr(|| rustix::io::read(input.as_fd(), &mut *room));
        let read = read.map_err(|error| later(FrameError::Io(error.into())))?;
        let octets = room.get(..read).filter(|octets| !octets.is_empty()).ok_or_else(|| later(FrameError::CutShort))?;
        // The last of the disk is not for everybody: the runner needs it to empty the queue.
        let disk = rustix::fs::fstatvfs(folder).map_err(cannot("examine"))?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < RESERVE && !geteuid().is_root() {
            return Err(cannot("write to")(io::Error::from(io::ErrorKind::StorageFull)));
        }
        file.write_all(octets).map_err(cannot("write to"))?;
        if let Some(sum) = &mut sum {
            sum.pass(octets);
        }
        place.pass(octets).map_err(later)?;
    }
    Ok(sum)
}

/// The names of this user's free slots, as long as what lies in the others is not too much. Root's many are searched from the
/// file's inode number on, which no other file there has.
fn names(folder: &Folder, inode: u64) -> impl Iterator<Item = String> {
    let (uid, mut waiting) = (geteuid(), 0_i64);
    let (at, slots, most) = if uid.is_root() { (inode, ROOT_SLOTS, i64::MAX) } else { (0, SLOTS, WAITING) };
    let slots = (at % ROOT_SLOTS..slots).chain(0..at % ROOT_SLOTS).map(move |slot| format!("{}.{slot}", uid.as_raw()));
    let free = move |name: String| {
        let size = |name: &str| rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(|taken| taken.st_size);
        // Where its mail is just being stored, the slot is taken as well.
        let size = size(&name).or_else(|_| size(&format!("{HIDDEN}{name}")));
        waiting = waiting.saturating_add(size.unwrap_or(0));
        (waiting <= most).then_some(size.is_err().then_some(name))
    };
    slots.map_while(free).flatten()
}

fn later(why: impl std::fmt::Display) -> Refusal {
    Refusal(NOT_STORED, why.to_string())
}

fn cannot<E: Into<io::Error>>(action: &str) -> impl FnOnce(E) -> Refusal {
    move |error| later(format!("cannot {action} {SPOOL}/{FOLDER}: {}", error.into()))
}
