//! How a file comes to stay on disk, for all of postrider: written unnamed (or under
//! a temporary name where the file system knows no unnamed files), synced, linked
//! into place without replacing anything, and its directory synced. Where one sync of the file
//! makes its name durable as well, that is all it takes.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::file_system;

/// What temporary names begin with; whoever lists a directory skips them.
pub const TEMPORARY: &str = ".tmp-";

/// Where a process finds its open files.
const DESCRIPTORS: &str = "/proc/self/fd";

/// Whether that is there, asked once and not for each of a thousand messages.
static HAS_DESCRIPTORS: LazyLock<bool> = LazyLock::new(|| rustix::fs::stat(DESCRIPTORS).is_ok());

/// Syncs a folder: [`Folder::sync`], or one sync for several who ask at the same moment.
pub type SyncFolder<'a> = &'a dyn Fn(&Folder) -> io::Result<()>;

/// A directory that files come to stay in, held open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Folder(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    fd: OwnedFd,
    /// Known once it was asked for.
    syncs_names: OnceLock<bool>,
}

impl Folder {
    /// Opens it; a symbolic link is not followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?;
        Ok(Self(Arc::new(Opened { fd, syncs_names: OnceLock::new() })))
    }

    /// Syncs the directory: names made and removed in it are on disk afterwards.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self)?)
    }

    /// Whether one sync is enough for a file and its name.
    #[must_use]
    pub fn syncs_names(&self) -> bool {
        *self.0.syncs_names.get_or_init(|| file_system::syncs_names_with_files(self.as_fd()))
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

/// Why a file did not come to stay. It has left nothing behind.
#[derive(Debug)]
pub struct NotKept {
    /// What could not be done to it, as in "sync".
    pub action: &'static str,
    /// The system's words; [`io::ErrorKind::AlreadyExists`] where its name is taken.
    pub error: io::Error,
}

/// A file being written. Dropped before [`Durable::keep`], it leaves nothing behind.
#[derive(Debug)]
pub struct Durable {
    folder: Folder,
    file: File,
    /// Where it has a name already.
    temporary: Option<String>,
}

impl Durable {
    /// Begins a file in the folder, readable and writable, with this mode whatever the umask is.
    pub fn create(folder: &Folder, mode: u32) -> io::Result<Self> {
        let mode = Mode::from_raw_mode(mode);
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        // It will get its name through /proc: where that is missing, it needs one at once.
        let open = || rustix::fs::openat(folder, ".", flags, mode);
        match if *HAS_DESCRIPTORS { rustix::io::retry_on_intr(open) } else { Err(Errno::NOENT) } {
            Ok(fd) => Self::begun(folder, fd, None, mode),
            // No /proc, or what kernels and file systems without unnamed files say.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL | Errno::NOSYS) => {
                Self::create_named(folder, mode)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn create_named(folder: &Folder, mode: Mode) -> io::Result<Self> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::RDWR | OFlags::CLOEXEC;
        let name = temporary_name();
        let fd = rustix::io::retry_on_intr(|| rustix::fs::openat(folder, &name, flags, mode))?;
        Self::begun(folder, fd, Some(name), mode)
    }

    fn begun(folder: &Folder, fd: OwnedFd, temporary: Option<String>, mode: Mode) -> io::Result<Self> {
        let begun = Self { folder: folder.clone(), file: File::from(fd), temporary };
        // An odd umask must not make a file that its own reader cannot open.
        rustix::fs::fchmod(&begun.file, mode)?;
        Ok(begun)
    }

    /// To be written to.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes it stay under the first of these names (no paths) that is not taken. All of it is on disk afterwards.
    /// Where all are taken, it may be changed and kept under another.
    pub fn keep(&mut self, names: impl IntoIterator<Item: AsRef<str>>, sync: SyncFolder<'_>) -> Result<(), NotKept> {
        self.file.sync_all().map_err(cannot("sync"))?;
        let mut names = names.into_iter();
        let name = loop {
            let name = names.next().ok_or_else(|| cannot("link")(Errno::EXIST))?;
            match self.link(name.as_ref()) {
                Err(Errno::EXIST) => {}
                linked => break linked.map(|()| name).map_err(cannot("link"))?,
            }
        };
        sync(&self.folder).map_err(|error| {
            // Nobody is told that it is safe, so nobody may find it: its owner keeps a copy.
            let _ = rustix::fs::unlinkat(&self.folder, name.as_ref(), AtFlags::empty());
            cannot("sync the directory of")(error)
        })
    }

    /// The same with one sync where that is enough. The name that is synced is hidden: this prefix and the first of the names
    /// that is free. Until it has the name itself, the file is locked; whoever finds it hidden and not locked
    /// looks whether it is whole, and goes on from there.
    pub fn keep_hidden(
        &mut self,
        names: impl IntoIterator<Item: AsRef<str>>,
        prefix: &str,
        sync: SyncFolder<'_>,
    ) -> Result<(), NotKept> {
        if !self.folder.syncs_names() {
            return self.keep(names, sync);
        }
        rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive).map_err(cannot("lock"))?;
        let mut names = names.into_iter();
        let mut name = loop {
            let name = names.next().ok_or_else(|| cannot("link")(Errno::EXIST))?;
            if rustix::fs::statat(&self.folder, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                continue;
            }
            let hidden = format!("{prefix}{}", name.as_ref());
            match self.link(&hidden) {
                Err(Errno::EXIST) => {}
                linked => {
                    linked.map_err(cannot("link"))?;
                    self.temporary = Some(hidden);
                    break name;
                }
            }
        };
        if let Err(error) = self.file.sync_all() {
            self.forget();
            return Err(cannot("sync")(error));
        }
        loop {
            match self.link(name.as_ref()) {
                Err(Errno::EXIST) => name = names.next().ok_or_else(|| cannot("rename")(Errno::EXIST))?,
                // Whoever recovers has done it.
                Err(Errno::NOENT) if self.has_name(name.as_ref()) => {
                    self.temporary = None;
                    return Ok(());
                }
                result => return result.map_err(cannot("rename")),
            }
        }
    }

    fn has_name(&self, name: &str) -> bool {
        let found = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW);
        let ours = rustix::fs::fstat(&self.file);
        found.is_ok_and(|found| ours.is_ok_and(|ours| (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)))
    }

    /// Gives it this name, which must be free, and no other.
    fn link(&mut self, name: &str) -> rustix::io::Result<()> {
        let folder = &self.folder;
        let Some(temporary) = &self.temporary else {
            let path = format!("{DESCRIPTORS}/{}", self.file.as_raw_fd());
            return rustix::fs::linkat(CWD, path, folder, name, AtFlags::SYMLINK_FOLLOW);
        };
        match rustix::fs::renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE) {
            // NFS cannot.
            Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => {
                rustix::fs::linkat(folder, temporary, folder, name, AtFlags::empty())?;
                let _ = rustix::fs::unlinkat(folder, temporary, AtFlags::empty());
            }
            renamed => renamed?,
        }
        self.temporary = None;
        Ok(())
    }

    fn forget(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            let _ = rustix::fs::unlinkat(&self.folder, temporary, AtFlags::empty());
        }
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        self.forget();
    }
}

fn cannot<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> NotKept {
    move |error| NotKept { action, error: error.into() }
}

/// A name that no other process makes at the same time.
#[must_use]
pub fn temporary_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{TEMPORARY}{}-{}", std::process::id(), now.as_nanos())
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may panic
mod tests;
