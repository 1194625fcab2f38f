//! The files that an import reads, as root read with the rights of whoever can choose what stands there: what a user may not
//! read never becomes part of a configuration because of a link of theirs.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::import::draft::{Draft, Note};
use crate::import::raw_bytes;
use crate::sys::privileges;

/// Longer than any configuration or table of a mail program.
const LONGEST: u64 = 64 << 20;

/// Uids below it are those of the system's programs (login.defs(5)).
const FIRST_PERSON: u32 = 1000;

/// Reads files for one import.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    /// Whose rights it has for every file: those of the user whose configuration it is.
    user: Option<u32>,
}

impl Reader {
    /// For the configuration at this place, as whoever runs this.
    pub(super) fn of(source: &Path) -> Self {
        Self { user: if privileges::is_root() { chooser(source) } else { None } }
    }

    /// The user whose configuration root imports.
    pub(super) fn user(self) -> Option<u32> {
        self.user
    }

    /// Reads a text.
    pub(super) fn read(self, path: &Path) -> io::Result<String> {
        let path = &raw_bytes::path(path);
        // A file that root's configuration names may be a user's as well.
        let user = self.user.or_else(|| chooser(path).filter(|_| privileges::is_root()));
        match user {
            Some(uid) => privileges::with_rights_of(uid, || text(path)),
            None => text(path),
        }
    }
}

/// Notes the files that are there and could not be read, where nothing spoke of them: what they say is missing.
pub(super) fn note_unreadable(failures: &[(PathBuf, io::Error)], draft: &mut Draft) {
    let is_there = |kind| !matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    for (path, error) in failures.iter().filter(|(_, error)| is_there(error.kind())) {
        let shown = path.display().to_string();
        let is_noted =
            draft.notes.iter().map(Note::parts).any(|(_, what, why)| what.contains(&shown) || why.contains(&shown));
        if !is_noted {
            draft.left_out(shown, format!("cannot be read: {error}; what it says is missing"));
        }
    }
}

/// A regular file's text; nothing else is waited for.
fn text(path: &Path) -> io::Result<String> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let kind = file.metadata()?;
    if kind.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    if !kind.is_file() || kind.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file of a usual size"));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    if bytes.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a text file: it has NUL bytes"));
    }
    // Some editors mark UTF-8 so; the programs that read the file stop at it, or have no such line in it.
    Ok(raw_bytes::text(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes)))
}

/// The first user but root to whom a step of the way belongs: they can put there what they like. Links of root's are followed as
/// the system does. Below /etc, the accounts of programs own what root keeps there for them.
fn chooser(path: &Path) -> Option<u32> {
    let mut place = PathBuf::new();
    for step in path.components() {
        place.push(step);
        let Ok(seen) = place.symlink_metadata() else { return None };
        let is_programs = place.starts_with("/etc") && seen.uid() < FIRST_PERSON;
        if seen.uid() != 0 && !is_programs {
            return Some(seen.uid());
        }
        if seen.is_symlink() {
            place = fs::canonicalize(&place).ok()?;
            if let Some(user) = chooser(&place) {
                return Some(user);
            }
        }
    }
    None
}
