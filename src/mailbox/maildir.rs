//! A Maildir, as the user: tmp, sync, link into new, sync of the directory. The name is made of the message's id and the
//! recipient, so that a second attempt, whose first was not heard of, finds the message in new/ or cur/.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
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
    file: File,
    temporary: PathBuf,
    new: PathBuf,
    name: String,
}

impl Maildir {
    /// Begins a file; none where the message is in the Maildir already.
    pub fn begin(path: &Path, envelope: &Envelope<'_>) -> Result<Option<Self>, Refusal> {
        let subfolder = envelope.recipient.extension.as_deref().and_then(subfolder);
        let folder = subfolder.as_ref().map_or_else(|| path.to_owned(), |name| path.join(name));
        let make = |folder: &Path| create(folder).map_err(cannot("create", folder));
        make(path)?;
        if subfolder.is_some() {
            make(&folder)?;
        }
        ["tmp", "new", "cur"].iter().try_for_each(|name| make(&folder.join(name)))?;
        let unique = unique_name();
        let name = envelope.id.map(|id| format!("{id}.{:016x}", digest(&envelope.recipient.address)));
        let name = name.unwrap_or_else(|| unique.clone());
        let (new, temporary) = (folder.join("new"), folder.join("tmp").join(unique));
        // Readers move from new/ to cur/ alone, so what is in neither in this order was in neither.
        let cur = folder.join("cur");
        let is_there = new.join(&name).exists() || is_in(&cur, &name).map_err(cannot("read", &cur))?;
        if is_there {
            // The first attempt may have ended before its sync.
            let synced = sync(&new).and_then(|()| sync(&cur));
            return synced.map(|()| None).map_err(cannot("sync", &folder));
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let file = file.map_err(cannot("create", &temporary))?;
        Ok(Some(Self { file, temporary, new, name }))
    }

    /// To be written to.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// What it is called while it is written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Makes it stay. All of it is on disk afterwards.
    pub fn finish(self) -> Result<(), Refusal> {
        self.file.sync_all().map_err(cannot("sync", &self.temporary))?;
        let target = self.new.join(&self.name);
        let linked = fs::hard_link(&self.temporary, &target);
        // The first attempt may still be at work.
        let is_there = linked.as_ref().is_err_and(|error| error.kind() == ErrorKind::AlreadyExists);
        if !is_there {
            linked.map_err(cannot("link into place", &target))?;
        }
        sync(&self.new).map_err(|error| {
            // Nobody is told that it is safe, so nobody may find it.
            let _ = if is_there { Ok(()) } else { fs::remove_file(&target) };
            cannot("sync", &self.new)(error)
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

/// Whether a folder has this name, with flags or without.
fn is_in(folder: &Path, name: &str) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?.file_name();
        let rest = entry.as_encoded_bytes().strip_prefix(name.as_bytes());
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b":")) {
            return Ok(true);
        }
    }
    Ok(false)
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
