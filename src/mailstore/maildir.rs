//! A Maildir, as the user: tmp, sync, link into new, sync of the directory. The name is made of the message's id and the
//! recipient, so that a second attempt, whose first was not heard of, finds the message in new/ or cur/ and is no copy.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::mailbox::{Envelope, now, sync};
use crate::{Refusal, cannot};

/// The most octets of a subfolder's name.
const LONGEST: usize = 128;

/// A file in tmp/.
#[derive(Debug)]
pub struct Maildir {
    /// To be written to.
    pub(crate) file: File,
    /// What it is called while it is written.
    pub(crate) temporary: PathBuf,
    folder: PathBuf,
    name: String,
}

impl Maildir {
    /// Begins a file, and the Maildir where it is missing.
    pub fn begin(path: &Path, envelope: &Envelope<'_>) -> Result<Self, Refusal> {
        let subfolder = envelope.recipient.extension.as_deref().and_then(subfolder);
        let folder = subfolder.as_ref().map_or_else(|| path.to_owned(), |name| path.join(name));
        let inner = ["tmp", "new", "cur"].map(|name| folder.join(name));
        for folder in [path, folder.as_path()].into_iter().chain(inner.iter().map(PathBuf::as_path)) {
            create(folder).map_err(cannot("create", folder))?;
        }
        let unique = unique_name();
        let temporary = folder.join("tmp").join(&unique);
        let name = envelope.id.map(|id| format!("{id}.{:016x}", digest(&envelope.recipient.address)));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let file = file.map_err(cannot("create", &temporary))?;
        Ok(Self { file, temporary, folder, name: name.unwrap_or(unique) })
    }

    /// Makes it stay, unless the same is there from an attempt before. All of it is on disk afterwards.
    pub fn finish(self) -> Result<(), Refusal> {
        self.file.sync_all().map_err(cannot("sync", &self.temporary))?;
        let [new, cur] = ["new", "cur"].map(|name| self.folder.join(name));
        let (mut name, mut linked) = (self.name.clone(), None);
        while linked.is_none() {
            let target = new.join(&name);
            match find(&new, &cur, &name).map_err(cannot("read", &cur))? {
                // That attempt may have ended before its sync.
                Some(there) if is_same(&there, &self.temporary) => break,
                // Should a client use a name again, the message is not lost.
                Some(_) => name = unique_name(),
                None => match fs::hard_link(&self.temporary, &target) {
                    // The attempt before is still at work.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    done => linked = done.map(|()| Some(target.clone())).map_err(cannot("link into place", &target))?,
                },
            }
        }
        sync(&new).and_then(|()| if linked.is_none() { sync(&cur) } else { Ok(()) }).map_err(|error| {
            // Nobody is told that it is safe, so nobody may find it.
            let _ = linked.map(fs::remove_file);
            cannot("sync", &self.folder)(error)
        })
    }
}

impl Drop for Maildir {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Makes a folder that is not there, and its name is on disk afterwards.
fn create(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => created.and_then(|()| folder.parent().map_or(Ok(()), sync)),
    }
}

/// The file of this name, with flags or without. Readers move from new/ to cur/ alone, so what is in neither in this order
/// was in neither.
fn find(new: &Path, cur: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    if fs::symlink_metadata(new.join(name)).is_ok() {
        return Ok(Some(new.join(name)));
    }
    for entry in fs::read_dir(cur)? {
        let entry = entry?.file_name();
        let rest = entry.as_encoded_bytes().strip_prefix(name.as_bytes());
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b":")) {
            return Ok(Some(cur.join(entry)));
        }
    }
    Ok(None)
}

/// Whether two files have the same octets.
fn is_same(there: &Path, ours: &Path) -> bool {
    let octets = |path: &Path| {
        let seen = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some((seen.len(), BufReader::new(File::open(path).ok()?).bytes().map(Result::ok)))
    };
    let both = octets(there).zip(octets(ours));
    both.is_some_and(|((length, there), (same, ours))| length == same && there.eq(ours))
}

/// The subfolder of an extension, in small letters. `None` for one of which servers would make odd trees: the message
/// then goes to the Maildir itself.
#[must_use]
pub fn subfolder(extension: &str) -> Option<String> {
    let name = extension.to_ascii_lowercase();
    let is_part = |part: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        !part.is_empty() && part != "inbox" && part.chars().all(is_plain)
    };
    (name.len() <= LONGEST && name.split('.').all(is_part)).then(|| format!(".{name}"))
}

/// A name that nobody else makes.
fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (time, count) = (now(), COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{}.M{}P{}Q{count}", time.as_secs(), time.subsec_nanos(), std::process::id())
}

/// FNV-1a, by which the names of one message for several addresses of one user differ.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum: u64, octet| (sum ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may panic
mod tests;
