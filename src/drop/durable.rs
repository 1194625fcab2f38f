//! How a file comes to stay on disk, for all of postrider: written unnamed (or under
//! a temporary name where the file system knows no unnamed files), synced, linked
//! into place without replacing anything, and its directory synced.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// What temporary names begin with; whoever lists a directory skips them.
pub const TEMPORARY: &str = ".tmp-";

/// A directory that files come to stay in, held open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Folder(Arc<OwnedFd>);

impl Folder {
    /// Opens it; a symbolic link is not followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?;
        Ok(Self(Arc::new(fd)))
    }

    /// Syncs the directory: names made and removed in it are on disk afterwards.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self)?)
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// At which step a file failed to come to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its bytes could not be synced.
    Sync,
    /// It could not be given its name; [`io::ErrorKind::AlreadyExists`] where the name is taken.
    Link,
    /// Its name could not be synced.
    SyncFolder,
}

/// Why a file did not come to stay. It has left nothing behind.
#[derive(Debug)]
pub struct NotKept {
    /// How far it came.
    pub step: Step,
    /// The system's words.
    pub error: io::Error,
}

/// A file being written. Dropped before [`Durable::keep`], it leaves nothing behind.
#[derive(Debug)]
pub struct Durable {
    folder: Folder,
    file: File,
    temporary: Option<String>,
}

impl Durable {
    /// Begins a file in the folder, readable and writable, with this mode whatever the umask is.
    pub fn create(folder: &Folder, mode: u32) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode);
        match rustix::io::retry_on_intr(|| rustix::fs::openat(folder, ".", flags, mode)) {
            Ok(fd) => Self::begun(folder, fd, None, mode),
            // What kernels and file systems without unnamed files say.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL | Errno::NOSYS) => {
                Self::create_named(folder, mode)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn create_named(folder: &Folder, mode: Mode) -> io::Result<Self> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::RDWR | OFlags::CLOEXEC;
        let (fd, name) = with_temporary_name(|name| rustix::fs::openat(folder, name, flags, mode))?;
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

    /// Makes it stay under this name (no path), replacing nothing. All of it is on disk afterwards.
    pub fn keep(self, name: &str) -> Result<(), NotKept> {
        self.keep_through(Path::new("/proc/self/fd"), name)
    }

    /// Makes it stay under this name, in the place of the file that had it.
    pub fn replace(mut self, name: &str) -> Result<(), NotKept> {
        self.file.sync_all().map_err(failed(Step::Sync))?;
        let temporary = self.named().map_err(failed(Step::Link))?;
        rustix::fs::renameat(&self.folder, &temporary, &self.folder, name)
            .map_err(|error| failed(Step::Link)(error.into()))?;
        self.temporary = None;
        self.folder.sync().map_err(failed(Step::SyncFolder))
    }

    fn keep_through(mut self, descriptors: &Path, name: &str) -> Result<(), NotKept> {
        self.file.sync_all().map_err(failed(Step::Sync))?;
        self.link(descriptors, name).map_err(failed(Step::Link))?;
        self.discard();
        self.folder.sync().map_err(|error| {
            // Nobody is told that it is safe, so nobody may find it: its owner keeps his copy.
            let _ = rustix::fs::unlinkat(&self.folder, name, AtFlags::empty());
            NotKept { step: Step::SyncFolder, error }
        })
    }

    fn link(&mut self, descriptors: &Path, name: &str) -> io::Result<()> {
        if self.temporary.is_none() {
            let path = descriptors.join(self.file.as_raw_fd().to_string());
            match rustix::fs::linkat(CWD, &path, &self.folder, name, AtFlags::SYMLINK_FOLLOW) {
                // No /proc, or one that hides our descriptors.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::PERM | Errno::LOOP | Errno::XDEV) => {}
                other => return Ok(other?),
            }
        }
        let temporary = self.named()?;
        match rustix::fs::linkat(&self.folder, &temporary, &self.folder, name, AtFlags::empty()) {
            // A file system without hard links.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                let flags = RenameFlags::NOREPLACE;
                rustix::fs::renameat_with(&self.folder, &temporary, &self.folder, name, flags)?;
                self.temporary = None;
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Its temporary name. An unnamed file that cannot be named through /proc is copied to one that has it.
    fn named(&mut self) -> io::Result<String> {
        if let Some(temporary) = &self.temporary {
            return Ok(temporary.clone());
        }
        let mode = Mode::from_raw_mode(rustix::fs::fstat(&self.file)?.st_mode);
        let mut copy = Self::create_named(&self.folder, mode)?;
        self.file.rewind()?;
        io::copy(&mut self.file, &mut copy.file)?;
        copy.file.sync_all()?;
        std::mem::swap(self, &mut copy);
        self.temporary.clone().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn discard(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            let _ = rustix::fs::unlinkat(&self.folder, temporary, AtFlags::empty());
        }
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        self.discard();
    }
}

fn failed(step: Step) -> impl Fn(io::Error) -> NotKept {
    move |error| NotKept { step, error }
}

/// Tries names until one is not taken.
fn with_temporary_name<T>(mut make: impl FnMut(&str) -> rustix::io::Result<T>) -> io::Result<(T, String)> {
    let pid = std::process::id();
    for attempt in 0..100_u32 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("{TEMPORARY}{pid}-{}-{attempt}", now.as_nanos());
        match make(&name) {
            Ok(file) => return Ok((file, name)),
            Err(Errno::EXIST | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        (dir, folder)
    }

    fn names(dir: &tempfile::TempDir) -> Vec<String> {
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn both(folder: &Folder) -> [Durable; 2] {
        [Durable::create(folder, 0o600).unwrap(), Durable::create_named(folder, Mode::from_raw_mode(0o600)).unwrap()]
    }

    #[test]
    fn a_kept_file_is_alone_whole_and_private() {
        for which in 0..2 {
            let (dir, folder) = folder();
            let [unnamed, named] = both(&folder);
            let (durable, other) = if which == 0 { (unnamed, named) } else { (named, unnamed) };
            drop(other);
            durable.file().write_all(b"content").unwrap();
            durable.keep("name").unwrap();
            assert_eq!(names(&dir), ["name"]);
            assert_eq!(std::fs::read(dir.path().join("name")).unwrap(), b"content");
            let metadata = dir.path().join("name").metadata().unwrap();
            assert_eq!((metadata.permissions().mode() & 0o7777, metadata.nlink()), (0o600, 1));
        }
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
        let (dir, folder) = folder();
        drop(both(&folder));
        assert!(names(&dir).is_empty());
    }

    #[test]
    fn a_taken_name_is_not_replaced() {
        let (dir, folder) = folder();
        std::fs::write(dir.path().join("name"), "older").unwrap();
        for durable in both(&folder) {
            durable.file().write_all(b"newer").unwrap();
            let refused = durable.keep("name").unwrap_err();
            assert_eq!((refused.step, refused.error.kind()), (Step::Link, io::ErrorKind::AlreadyExists));
        }
        assert_eq!(names(&dir), ["name"]);
        assert_eq!(std::fs::read(dir.path().join("name")).unwrap(), b"older");
    }

    #[test]
    fn replacing_is_for_those_who_ask() {
        let (dir, folder) = folder();
        for durable in both(&folder) {
            std::fs::write(dir.path().join("name"), "older").unwrap();
            durable.file().write_all(b"newer").unwrap();
            durable.replace("name").unwrap();
            assert_eq!(std::fs::read(dir.path().join("name")).unwrap(), b"newer");
        }
        assert_eq!(names(&dir), ["name"]);
    }

    #[test]
    fn without_proc_the_file_still_comes_to_stay() {
        let (dir, folder) = folder();
        for (at, durable) in both(&folder).into_iter().enumerate() {
            durable.file().write_all(b"content").unwrap();
            let name = format!("name{at}");
            durable.keep_through(Path::new("/nonexistent"), &name).unwrap();
            assert_eq!(std::fs::read(dir.path().join(name)).unwrap(), b"content");
        }
        let durable = Durable::create(&folder, 0o640).unwrap();
        durable.file().write_all(b"content").unwrap();
        durable.keep_through(Path::new("/nonexistent"), "last").unwrap();
        assert_eq!(dir.path().join("last").metadata().unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(names(&dir).len(), 3);
    }

    #[test]
    fn a_folder_is_not_followed_through_a_link() {
        let (dir, _) = folder();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).unwrap();
        assert!(Folder::open(&dir.path().join("link")).is_err());
    }
}
