//! The mail of a spool as files, for a backup, while a runner may be at work. Nothing is changed, and no lock is taken: the order in
//! which the folders are read makes the copies fit together. Content comes before journals and journals before history, so that
//! for each message in it a snapshot knows at least what was known when its content was read.
//!
//! Read by the spool's owner or by root. What is in it may have been put there by its owner, so root follows no link, and reads only
//! files of that owner.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use postrider_drop::durable::{Folder, TEMPORARY};
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use super::SpoolError;
use super::dropped::Place;
use super::id::{MessageId, NEW};
use super::queue::{journal_name, open_regular};
use super::recovery::uid_in;

/// A spool that is read.
#[derive(Debug)]
pub struct Snapshot {
    dir: PathBuf,
    owner: u32,
}

/// What the names of the files of history/ end in.
const DAY: &str = ".jsonl";

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages of queue/.
    pub queued: usize,
    /// Messages and other files of failed/.
    pub failed: usize,
    /// Submissions of drop/ and raw/.
    pub submitted: usize,
    /// Days of history/.
    pub days: usize,
    /// Messages that came while it was read, and are not in it.
    pub came: usize,
}

/// What gets each file: its folder and name, the file, and its size.
pub type See<'s> = dyn FnMut(&str, &File, u64) -> io::Result<()> + 's;

impl Snapshot {
    /// Of the spool in this directory; `None` if there is none.
    pub fn of(dir: &Path) -> Result<Option<Self>, SpoolError> {
        match fs::metadata(dir.join("queue")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SpoolError::io("read", dir.join("queue"))(error)),
            Ok(queue) => Ok(Some(Self { dir: dir.to_owned(), owner: queue.uid() })),
        }
    }

    /// Whether a runner holds the lock.
    #[must_use]
    pub fn has_runner(&self) -> bool {
        let lock = Folder::open(&self.dir).and_then(|dir| open_regular(&dir, Path::new("lock"), OFlags::RDONLY));
        lock.is_ok_and(|lock| rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
    }

    /// Shows all files, each under its folder's name, submissions as raw/.
    pub fn read(&self, see: &mut See<'_>) -> Result<Counts, SpoolError> {
        let mut counts = Counts::default();
        let mut seen = BTreeSet::new();
        self.contents(&mut seen, see)?;
        let failed = self.failed(&mut counts, see)?;
        for place in Place::ALL {
            self.submissions(place, &mut counts, see)?;
        }
        // Those that were brought back from failed/ meanwhile, and what came until now.
        self.contents(&mut seen, see)?;
        counts.queued = seen.len();
        for id in &seen {
            let journal = journal_name(id);
            // A message that was set aside meanwhile may be in failed/ while its journal was not there yet.
            if !self.show("queue", &journal, see)? && !failed.contains(&journal) {
                self.show("failed", &journal, see)?;
            }
        }
        for name in self.names("history")? {
            if name.ends_with(DAY) && self.show("history", &name, see)? {
                counts.days += 1;
            }
        }
        let later = self.names("queue")?;
        counts.came = later.iter().filter_map(|name| MessageId::parse(name)).filter(|id| !seen.contains(id)).count();
        Ok(counts)
    }

    /// The messages of queue/ that were not seen yet. One under a hidden name that nobody writes was stored, and will get its name.
    fn contents(&self, seen: &mut BTreeSet<MessageId>, see: &mut See<'_>) -> Result<(), SpoolError> {
        for name in self.names("queue")? {
            let bare = name.strip_prefix(NEW).unwrap_or(&name);
            let Some(id) = MessageId::parse(bare).filter(|id| !seen.contains(id)) else { continue };
            if self.show_as("queue", &name, &format!("queue/{id}"), see)? {
                seen.insert(id);
            }
        }
        Ok(())
    }

    fn failed(&self, counts: &mut Counts, see: &mut See<'_>) -> Result<BTreeSet<String>, SpoolError> {
        let mut names = BTreeSet::new();
        for name in self.names("failed")? {
            if self.show("failed", &name, see)? {
                let is_beside = [".reason", ".journal", ".journal.damaged"].iter().any(|end| name.ends_with(end));
                counts.failed += usize::from(!is_beside);
                names.insert(name);
            }
        }
        Ok(names)
    }

    fn submissions(&self, place: Place, counts: &mut Counts, see: &mut See<'_>) -> Result<(), SpoolError> {
        for name in self.names(place.folder())? {
            let Some((uid, rest)) = name.split_once('.').filter(|_| uid_in(&name).is_some()) else { continue };
            // What the drop program stored is the same but for its owner.
            let shown = match place {
                Place::Drop => format!("{}/{uid}.drop-{rest}", Place::Raw.folder()),
                Place::Raw => format!("{}/{name}", Place::Raw.folder()),
            };
            counts.submitted += usize::from(self.show_as(place.folder(), &name, &shown, see)?);
        }
        Ok(())
    }

    /// The names in a folder, sorted; none if it is missing.
    fn names(&self, folder: &str) -> Result<Vec<String>, SpoolError> {
        let dir = self.dir.join(folder);
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(SpoolError::io("list", &dir))?,
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
        let names: Vec<Option<String>> = names.collect::<io::Result<_>>().map_err(SpoolError::io("list", &dir))?;
        let mut names: Vec<String> = names.into_iter().flatten().filter(|name| !name.starts_with(TEMPORARY)).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn show(&self, folder: &str, name: &str, see: &mut See<'_>) -> Result<bool, SpoolError> {
        self.show_as(folder, name, &format!("{folder}/{name}"), see)
    }

    /// Shows a file under another name; `false` if it is gone, is being written, or is none of ours.
    fn show_as(&self, folder: &str, name: &str, shown: &str, see: &mut See<'_>) -> Result<bool, SpoolError> {
        let path = self.dir.join(folder).join(name);
        let opened =
            Folder::open(&self.dir.join(folder)).and_then(|dir| open_regular(&dir, Path::new(name), OFlags::RDONLY));
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) if is_no_file(&error) => return Ok(false),
            Err(error) => return Err(SpoolError::io("open", path)(error)),
        };
        let about = file.metadata().map_err(SpoolError::io("read", &path))?;
        let owner = if folder == Place::Drop.folder() { uid_in(name) } else { Some(self.owner) };
        if !about.is_file() || about.nlink() == 0 || Some(about.uid()) != owner {
            return Ok(false);
        }
        let is_hidden = name.starts_with(NEW);
        if is_hidden && rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK) {
            return Ok(false);
        }
        see(shown, &file, about.len()).map_err(SpoolError::io("copy", path))?;
        Ok(true)
    }
}

fn is_no_file(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::NXIO | Errno::ISDIR))
}
