//! Many files in one: tar, as every system can list and unpack it, with the SHA-256 of all that is before it as the last entry.
//! Nothing here knows what the files are. An archive is looked at as a whole before any of it is used, and as hostile input:
//! it holds regular files alone, with relative names in letters that need no care.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use ring::digest::{Context, SHA256};

/// The name of the last entry.
const SUM: &str = "SHA256";

/// A block of tar, and how many of them end an archive.
const BLOCK: u64 = 512;
const END: u64 = 2 * BLOCK;

/// Of one name, in octets, and of names in an archive: more than any spool has.
const LONGEST_NAME: usize = 1024;
const MOST_ENTRIES: usize = 2_000_000;

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A system call failed.
    #[error("cannot read it: {0}")]
    Io(io::Error),
    /// It is no tar, or a part of it is missing or changed.
    #[error("it is not a whole backup: {0}; nothing was changed")]
    Torn(String),
    /// It has an entry that none of ours has.
    #[error("it is not one of postrider's backups: {0}; nothing was changed")]
    Foreign(String),
}

/// An archive that is being written.
pub struct ArchiveWriter {
    tar: tar::Builder<Summed>,
    /// Seconds since the epoch, of each entry.
    time: u64,
}

/// Sums up what is written.
struct Summed {
    file: BufWriter<File>,
    sum: Context,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads just so many octets: a file that shrinks meanwhile is an error, and of one that grows the rest is left.
struct Exactly<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.from.read(&mut buffer[..wanted])?;
        if read == 0 && wanted > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

impl ArchiveWriter {
    /// Begins one in an empty file.
    #[must_use]
    pub fn new(file: File, time: u64) -> Self {
        Self { tar: tar::Builder::new(Summed { file: BufWriter::new(file), sum: Context::new(&SHA256) }), time }
    }

    /// Adds a file of this size.
    pub fn add(&mut self, name: &str, size: u64, from: impl Read) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o600);
        header.set_mtime(self.time);
        header.set_size(size);
        self.tar.append_data(&mut header, name, Exactly { from, left: size })
    }

    /// Adds the sum, and returns the file.
    pub fn finish(mut self) -> io::Result<File> {
        let sum = hex(self.tar.get_ref().sum.clone());
        self.add(SUM, sum.len() as u64, sum.as_bytes())?;
        self.tar.into_inner()?.file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

fn hex(sum: Context) -> String {
    sum.finish().as_ref().iter().fold(String::new(), |mut text, octet| {
        // A String takes all that is written to it.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Where an entry's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    at: u64,
    size: u64,
}

/// One that is whole.
#[derive(Debug)]
pub struct Archive {
    file: File,
    entries: BTreeMap<String, Place>,
}

impl Archive {
    /// Reads all of it, and refuses one that is torn or foreign.
    pub fn open(file: File) -> Result<Self, ArchiveError> {
        let mut entries = BTreeMap::new();
        let mut last = None;
        let torn = |error: io::Error| ArchiveError::Torn(error.to_string());
        let mut tar = tar::Archive::new(&file);
        for entry in tar.entries_with_seek().map_err(torn)? {
            let entry = entry.map_err(torn)?;
            let shown =
                String::from_utf8_lossy(&entry.path_bytes()).escape_debug().take(LONGEST_NAME).collect::<String>();
            let foreign = |what: &str| ArchiveError::Foreign(format!("entry {shown} {what}"));
            if last.is_some() {
                return Err(foreign("follows the checksum"));
            }
            if entry.header().entry_type() != tar::EntryType::Regular {
                return Err(foreign("is not a regular file"));
            }
            let name = str::from_utf8(&entry.path_bytes()).ok().filter(|name| is_plain(name)).map(str::to_owned);
            let name = name.ok_or_else(|| foreign("has a name that leads elsewhere"))?;
            if name == SUM {
                last = Some((entry.raw_header_position(), Place { at: entry.raw_file_position(), size: entry.size() }));
                continue;
            }
            let place = Place { at: entry.raw_file_position(), size: entry.size() };
            if entries.insert(name, place).is_some() {
                return Err(foreign("occurs twice"));
            }
            if entries.len() > MOST_ENTRIES {
                return Err(foreign("is one of too many"));
            }
        }
        let (end, sum) = last.ok_or_else(|| ArchiveError::Torn("its end is missing".to_owned()))?;
        let archive = Self { file, entries };
        archive.is_whole(end, sum)?;
        Ok(archive)
    }

    fn is_whole(&self, end: u64, sum: Place) -> Result<(), ArchiveError> {
        let length = self.file.metadata().map_err(ArchiveError::Io)?.len();
        if sum.size != 64 || length != sum.at + BLOCK + END {
            return Err(ArchiveError::Torn("its end is missing".to_owned()));
        }
        let mut context = Context::new(&SHA256);
        let mut before = Content { file: &self.file, at: 0, left: end };
        let mut piece = vec![0; 256 << 10];
        loop {
            match before.read(&mut piece).map_err(ArchiveError::Io)? {
                0 => break,
                read => context.update(&piece[..read]),
            }
        }
        let mut written = [0; 64];
        self.file.read_exact_at(&mut written, sum.at).map_err(ArchiveError::Io)?;
        if hex(context).as_bytes() != written {
            return Err(ArchiveError::Torn("its checksum does not fit".to_owned()));
        }
        Ok(())
    }

    /// The names below a folder, in order, without the folder.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.keys().filter_map(move |name| name.strip_prefix(folder)?.strip_prefix('/'))
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Octets of all files below a folder.
    #[must_use]
    pub fn size_below(&self, folder: &str) -> u64 {
        let of = |(name, place): (&String, &Place)| name.strip_prefix(folder)?.starts_with('/').then_some(place.size);
        self.entries.iter().filter_map(of).fold(0, u64::saturating_add)
    }

    /// The content of an entry.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Content<'_>> {
        self.entries.get(name).map(|place| Content { file: &self.file, at: place.at, left: place.size })
    }

    /// The whole content of an entry that must not be larger than this.
    pub fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some(mut content) = self.content(name) else { return Ok(None) };
        if content.left > most {
            return Err(ArchiveError::Foreign(format!("entry {name} is larger than {most} bytes")));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(content.left).unwrap_or(0));
        content.read_to_end(&mut bytes).map_err(ArchiveError::Io)?;
        Ok(Some(bytes))
    }
}

/// Relative, of letters that are the same everywhere, and no part of it hidden or a way up.
fn is_plain(name: &str) -> bool {
    let is_usual = |c: char| c.is_alphanumeric() || " -_.+@,:=~%#".contains(c);
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(is_usual);
    name.len() <= LONGEST_NAME && Path::new(name).is_relative() && name.split('/').all(is_part)
}

/// Whether a file of this name may be an entry.
#[must_use]
pub fn can_hold(name: &str) -> bool {
    name != SUM && is_plain(name)
}

/// What is in an entry.
#[derive(Debug)]
pub struct Content<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Content<'_> {
    /// Octets that are left of it.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.left
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..wanted], self.at)?;
        if read == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
