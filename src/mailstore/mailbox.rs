//! One user's mailbox: where it lies, and the delivery of one message into it. The message comes in pieces and is on disk
//! when [`Delivery::finish`] says so; a delivery that is dropped before leaves the mailbox as it was.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::geteuid;

use crate::content::{Format, Lines};
use crate::maildir::Maildir;
use crate::mbox::{Mbox, separator};
use crate::{Recipient, Refusal, cannot};

/// So much is held before it is written.
pub const CHUNK: usize = 64 * 1024;

/// Where a recipient's mail is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    format: Format,
    path: PathBuf,
    /// Where it lies below the home.
    home: Option<PathBuf>,
}

/// What is known of a message beside its content.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// As MAIL gave it, without brackets; empty for a report.
    pub sender: &'a str,
    /// What the one who delivers calls the message, for ever and at every attempt.
    pub id: Option<&'a str>,
    /// As MAIL declared it; 0 where it did not.
    pub size: u64,
    /// Who gets it.
    pub recipient: &'a Recipient,
}

impl Mailbox {
    /// The mailbox that lies there; with the home that it lies below, which must then be there and the user's.
    #[must_use]
    pub fn new(format: Format, path: PathBuf, home: Option<PathBuf>) -> Self {
        Self { format, path, home }
    }

    /// Begins a delivery, with the rights of the process: they should be the user's.
    pub fn begin(&self, envelope: &Envelope<'_>) -> Result<Delivery, Refusal> {
        if let Some(home) = &self.home {
            examine_home(home)?;
        }
        let (target, held) = match self.format {
            Format::Maildir => (Target::Maildir(Maildir::begin(&self.path, envelope)?), String::new()),
            Format::Mbox => (Target::Mbox(Mbox::open(&self.path, envelope.size)?), separator(envelope.sender, now())),
        };
        Ok(Delivery { target, lines: Lines::new(self.format), held: held.into_bytes() })
    }
}

/// A home that is not mounted must not be taken for one without mail.
fn examine_home(home: &Path) -> Result<(), Refusal> {
    let not_there = |what: &str| Refusal::new("450 4.2.1", format_args!("the home {} {what}", home.display()));
    let seen = match fs::metadata(home) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(not_there("does not exist")),
        seen => seen.map_err(cannot("find the home", home))?,
    };
    let mut entries = fs::read_dir(home).map_err(cannot("read the home", home))?;
    if seen.uid() != geteuid().as_raw() {
        Err(not_there(&format!("belongs to uid {} and not to the user: is it mounted?", seen.uid())))
    } else if entries.next().is_none() {
        Err(not_there("is empty: is it mounted?"))
    } else {
        Ok(())
    }
}

/// A message on its way into a mailbox.
#[derive(Debug)]
pub struct Delivery {
    target: Target,
    lines: Lines,
    held: Vec<u8>,
}

#[derive(Debug)]
enum Target {
    Mbox(Mbox),
    Maildir(Maildir),
}

impl Delivery {
    /// Takes a line, or a piece of one that is too long to be held, as [`Lines::pass`].
    pub fn pass(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        self.lines.pass(piece, &mut self.held);
        if self.held.len() < CHUNK { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), Refusal> {
        let (mut file, path): (&File, &Path) = match &self.target {
            Target::Mbox(mbox) => (&mbox.file, &mbox.path),
            Target::Maildir(maildir) => (&maildir.file, &maildir.temporary),
        };
        file.write_all(&self.held).map_err(cannot("write to", path))?;
        self.held.clear();
        Ok(())
    }

    /// Ends the message. It is on disk afterwards.
    pub fn finish(mut self) -> Result<(), Refusal> {
        self.lines.end(&mut self.held);
        self.write()?;
        match self.target {
            Target::Mbox(mbox) => mbox.finish(),
            Target::Maildir(maildir) => maildir.finish(),
        }
    }
}

/// Since the epoch.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Syncs a directory: names made and removed in it are on disk afterwards.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
