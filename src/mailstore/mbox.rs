//! An mbox, appended to under all locks that other mail programs take: the dotlock, then fcntl and flock on the file, which
//! must then still be the one of that name. No lock is waited for while another is held. What is not finished is cut off.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{AtFlags, FallocateFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{Pid, geteuid, test_kill_process};

use crate::mailbox::{now, sync};
use crate::{Refusal, cannot};

/// How often a lock is asked for, and after what wait: some 20 seconds.
const ATTEMPTS: u32 = if cfg!(test) { 5 } else { 100 };
const WAIT: Duration = Duration::from_millis(200);

/// Nobody holds a dotlock so long, in seconds: Postfix's `stale_lock_time`.
const STALE: i64 = 500;

/// No lock holds more than the id of a process and a name, in octets.
const LONGEST_LOCK: i64 = 64;

/// What dotlocks of ours hold behind the process id.
const OURS: &str = " postrider-mailbox\n";

/// More than is written around a message, in octets.
const AROUND: u64 = 1024;

/// Where locks of fcntl and of flock are the same, and shut out one another (`NFS_SUPER_MAGIC`).
const NFS: u32 = 0x6969;

/// A locked mbox that is being appended to.
#[derive(Debug)]
pub struct Mbox {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// To be appended to.
    pub(crate) file: File,
    /// Its size before, to which it is cut where the message is not finished.
    size: Option<u64>,
    _dotlock: Dotlock,
}

impl Mbox {
    /// Locks it, creates it where it is missing, and closes a message whose writer was stopped; with room for a message of
    /// this size, as it comes over the wire.
    pub fn open(path: &Path, size: u64) -> Result<Self, Refusal> {
        for _ in 0..ATTEMPTS {
            if let Some(mut mbox) = Self::lock(path)? {
                mbox.reserve(size).map_err(cannot("write to", path))?;
                mbox.close_torn().map_err(cannot("read", path))?;
                return Ok(mbox);
            }
            // Writers that were refused together should not come back together.
            sleep(WAIT.saturating_add(Duration::from_millis(u64::from(std::process::id() % 64))));
        }
        Err(Refusal::new("450 4.2.0", format_args!("{} is locked by another program", path.display())))
    }

    /// One attempt: nothing is held where it fails.
    fn lock(path: &Path) -> Result<Option<Self>, Refusal> {
        let Some(dotlock) = Dotlock::create(path).map_err(cannot("create a lock for", path))? else { return Ok(None) };
        let place = Place::of(path).map_err(cannot("find the folder of", path))?;
        let file = open(path, place).map_err(cannot("open", path))?;
        let seen = rustix::fs::fstat(&file).map_err(cannot("examine", path))?;
        examine(&seen, place).map_err(|what| Refusal::new("451 4.2.0", format_args!("{} {what}", path.display())))?;
        let is_on_nfs = rustix::fs::fstatfs(&file).is_ok_and(|system| u32::try_from(system.f_type) == Ok(NFS));
        let is_locked = || {
            rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)?;
            if is_on_nfs { Ok(()) } else { rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) }
        };
        match is_locked() {
            Ok(()) => {}
            Err(Errno::AGAIN | Errno::ACCESS | Errno::INTR) => return Ok(None),
            Err(error) => return Err(cannot("lock", path)(error)),
        }
        // Some programs replace it by another file, and others append meanwhile.
        let locked = rustix::fs::fstat(&file).map_err(cannot("examine", path))?;
        let is_it = |there: Stat| (there.st_dev, there.st_ino) == (locked.st_dev, locked.st_ino);
        let size = u64::try_from(locked.st_size).ok();
        let mbox = || Self { path: path.to_owned(), file, size, _dotlock: dotlock };
        Ok(rustix::fs::stat(path).is_ok_and(is_it).then(mbox))
    }

    /// Where a quota is used up, cutting off a message that found no room needs room as well: none is begun that has not all of
    /// it. A quote on each line needs no more than the carriage returns, which are not stored.
    fn reserve(&self, size: u64) -> io::Result<()> {
        let (end, room) = (self.size.unwrap_or_default(), size.saturating_add(AROUND));
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, end, room) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            reserved => Ok(reserved?),
        }
    }

    /// A message whose writer was stopped must not swallow the next; an empty file must not begin with an empty line.
    fn close_torn(&mut self) -> io::Result<()> {
        let (mut last, size) = ([0; 2], self.size.unwrap_or_default());
        self.file.seek(SeekFrom::Start(size.saturating_sub(2)))?;
        let read = self.file.read(&mut last)?;
        self.file.write_all(match last.get(..read) {
            None | Some([] | [.., b'\n', b'\n']) => b"",
            Some([.., b'\n']) => b"\n",
            Some(_) => b"\n\n",
        })
    }

    /// Makes the message stay. All of it is on disk afterwards.
    pub fn finish(mut self) -> Result<(), Refusal> {
        let synced = self.file.sync_all().and_then(|()| {
            // Its name may be new as well.
            if self.size == Some(0) { sync(folder(&self.path)) } else { Ok(()) }
        });
        synced.map_err(cannot("sync", &self.path))?;
        self.size = None;
        Ok(())
    }
}

impl Drop for Mbox {
    fn drop(&mut self) {
        if let Some(size) = self.size {
            let _ = self.file.set_len(size);
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Whose folder it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Root's, in which others may have put something.
    Common,
    /// The user's own: which file that is, is up to them.
    Own,
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(if rustix::fs::stat(folder(path))?.st_uid == 0 { Self::Common } else { Self::Own })
    }
}

/// Opens it, or makes it. What is no file must not block here.
fn open(path: &Path, place: Place) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let flags = if place == Place::Common { flags | OFlags::NOFOLLOW } else { flags };
    Ok(File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?))
}

/// What is wrong with it.
fn examine(seen: &Stat, place: Place) -> Result<(), String> {
    let owner = seen.st_uid;
    if FileType::from_raw_mode(seen.st_mode) != FileType::RegularFile {
        Err("is not a file".to_owned())
    } else if place == Place::Common && owner != geteuid().as_raw() {
        Err(format!("belongs to uid {owner} and not to the user"))
    } else if place == Place::Common && seen.st_nlink != 1 {
        Err("has more than one name (hard links)".to_owned())
    } else {
        Ok(())
    }
}

/// The file `.lock` beside the mbox, which all programs but a few respect.
#[derive(Debug)]
struct Dotlock(PathBuf);

impl Dotlock {
    /// `None` where somebody else has it.
    fn create(mbox: &Path) -> io::Result<Option<Self>> {
        let name = mbox.with_added_extension("lock");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = match rustix::fs::open(&name, flags, Mode::RUSR | Mode::WUSR) {
            Err(Errno::EXIST) => {
                if is_stale(&name) {
                    let _ = rustix::fs::unlink(&name);
                }
                return Ok(None);
            }
            opened => Self(name).write(File::from(opened?))?,
        };
        Ok(Some(lock))
    }

    /// Who holds it, so that the next need not wait for one that was killed.
    fn write(self, mut file: File) -> io::Result<Self> {
        file.write_all(format!("{}{OURS}", std::process::id()).as_bytes())?;
        Ok(self)
    }
}

impl Drop for Dotlock {
    fn drop(&mut self) {
        let _ = rustix::fs::unlink(&self.0);
    }
}

/// Whether the process that made it is gone, as far as can be seen. What is longer than any lock is the mailbox of somebody
/// whose login ends so.
fn is_stale(lock: &Path) -> bool {
    let Ok(seen) = rustix::fs::statat(rustix::fs::CWD, lock, AtFlags::SYMLINK_NOFOLLOW) else { return false };
    if seen.st_size > LONGEST_LOCK {
        return false;
    }
    let age = i64::try_from(now().as_secs()).unwrap_or_default().saturating_sub(seen.st_mtime);
    age > STALE || (seen.st_uid == geteuid().as_raw() && is_of_killed(lock))
}

/// Whether it is ours and its process has ended. Should that be wrong, since the process is one of another container,
/// the other two locks hold.
fn is_of_killed(lock: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::open(lock, flags, Mode::empty()) else { return false };
    let mut text = String::new();
    let read = File::from(file).take(64).read_to_string(&mut text);
    let id = read.ok().and_then(|_| text.strip_suffix(OURS)?.parse().ok()).and_then(Pid::from_raw);
    id.is_some_and(|id| test_kill_process(id) == Err(Errno::SRCH))
}

/// The line that begins a message: ASCII only, and a date as asctime(3) writes it (of UTC), which is what all readers take.
#[must_use]
pub fn separator(sender: &str, time: Duration) -> String {
    let is_plain = !sender.is_empty() && sender.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    let sender = if is_plain { sender } else { "MAILER-DAEMON" };
    format!("From {sender} {}\n", asctime(time.as_secs()))
}

fn asctime(seconds: u64) -> String {
    let name = |names: &'static str, at: usize| names.split(' ').nth(at).unwrap_or_default();
    let is_leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let (mut days, clock, mut year, mut month) = (seconds / 86_400, seconds % 86_400, 1970_u64, 0_usize);
    let weekday = name("Thu Fri Sat Sun Mon Tue Wed", usize::try_from(days % 7).unwrap_or_default());
    while let Some(rest) = days.checked_sub(if is_leap(year) { 366 } else { 365 }) {
        (days, year) = (rest, year.saturating_add(1));
    }
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while let Some(rest) = lengths.get(month).and_then(|length| days.checked_sub(*length)) {
        (days, month) = (rest, month.saturating_add(1));
    }
    let month = name("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", month);
    let (hour, minute, second, day) = (clock / 3600, clock / 60 % 60, clock % 60, days.saturating_add(1));
    format!("{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}")
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may panic
mod tests;
