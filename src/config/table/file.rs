//! One text table on disk: when its file is read, when it is left alone because someone
//! may be writing it, and what is said while it cannot be used.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::content::{Content, Format};
use super::{Hit, HitBy, Span, TableFault};
use crate::config::open;

/// A file that changed less long ago may be half written.
pub(super) const SETTLED: Duration = Duration::from_secs(2);

/// No table is larger, in octets; offsets in the index have 32 bits.
const MOST: u64 = 256 << 20;

/// So many bad rows are told of one table.
const MOST_FAULTS: usize = 100;

/// What tells one version of a file from another.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What becomes of mail that needs a file, or a row of it, that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unusable {
    /// It waits: the configuration names the file.
    MailWaits,
    /// It goes as without the row, as with postalias(1): the configuration does not name the file, so no mail may wait for it.
    IsNoRow,
}

/// Why a file was not read this time.
#[derive(Debug)]
enum Refusal {
    /// It may still be written; worth another look after so long.
    Unsettled(Duration),
    /// The system did not let us.
    Unreadable(io::Error),
    /// It was read and is no text table.
    Unfit(Stamp, &'static str),
}

/// A text table and its last good version.
#[derive(Debug)]
pub(super) struct FileTable {
    path: PathBuf,
    format: Format,
    unusable: Unusable,
    good: Option<(Stamp, Content)>,
    /// Why there is no good version, or why it is not the newest.
    trouble: Option<String>,
    /// A version that is watched until it has settled.
    watched: Option<(Stamp, Instant)>,
    /// A version that is no table: not read again.
    unfit: Option<Stamp>,
    /// Since when the file cannot be read; editors take it away for a moment.
    lost: Option<Instant>,
}

impl FileTable {
    /// Reads the file; waits until it has settled, two seconds at most.
    pub(super) fn load(path: &Path, format: Format) -> Self {
        Self::loaded(path, format, Unusable::MailWaits)
    }

    /// The same for a file in aliases(5) format that the configuration does not name. It need not be there.
    pub(super) fn load_if_there(path: &Path) -> Self {
        Self::loaded(path, Format::Aliases, Unusable::IsNoRow)
    }

    fn loaded(path: &Path, format: Format, unusable: Unusable) -> Self {
        let (path, good, trouble) = (path.to_owned(), None, None);
        let mut table = Self { path, format, unusable, good, trouble, watched: None, unfit: None, lost: None };
        let give_up = Instant::now() + SETTLED + SETTLED / 10;
        loop {
            match table.read() {
                Err(Refusal::Unsettled(wait)) if Instant::now() + wait <= give_up => thread::sleep(wait),
                result => {
                    table.settle(result);
                    return table;
                }
            }
        }
    }

    /// Reads the file anew if it is another version than the one in memory.
    pub(super) fn refresh(&mut self) {
        let now = fs::metadata(&self.path).map(|metadata| Stamp::of(&metadata));
        let known = self.good.as_ref().map(|(stamp, _)| *stamp);
        match now {
            Ok(stamp) if Some(stamp) == known => {
                (self.trouble, self.watched, self.lost) = (None, None, None);
            }
            Ok(stamp) if Some(stamp) == self.unfit => {}
            Ok(_) => {
                let result = self.read();
                self.settle(result);
            }
            Err(error) => self.settle(Err(Refusal::Unreadable(error))),
        }
    }

    /// Whether there is another version than the one in memory, which may still be written.
    pub(super) fn is_settling(&self) -> bool {
        self.watched.is_some()
    }

    /// The row of a key, given as it is and folded.
    pub(super) fn lookup(&self, key: &str, folded: &str, span: Span) -> Result<Option<Hit>, TableFault> {
        if span == Span::Part && self.format.wants_whole_keys() {
            return Ok(None);
        }
        let Some((_, content)) = &self.good else { return self.without(self.not_loaded()) };
        let Some((line, found)) = content.find(key, folded) else { return Ok(None) };
        match found {
            Ok(value) => {
                let by = if self.format.wants_whole_keys() { HitBy::Pattern } else { HitBy::Key };
                Ok(Some(Hit { value, place: format!("{}:{line}", self.path.display()), by }))
            }
            Err(problem) => self.without(self.row_fault(line, &problem)),
        }
    }

    fn without(&self, fault: TableFault) -> Result<Option<Hit>, TableFault> {
        match self.unusable {
            Unusable::MailWaits => Err(fault),
            Unusable::IsNoRow => Ok(None),
        }
    }

    /// The file, and the first of its faults with the number of the others.
    pub(super) fn first_fault(&self) -> Option<(PathBuf, TableFault)> {
        let (faults, rows) = (self.faults(), self.good.as_ref().map_or(0, |(_, content)| content.problems().len()));
        let TableFault(first) = faults.into_iter().next()?;
        let text = match rows {
            0 | 1 => first,
            _ => format!("{first} ({} more invalid entries)", rows - 1),
        };
        Some((self.path.clone(), TableFault(text)))
    }

    fn not_loaded(&self) -> TableFault {
        let unknown = || format!("table {} is not loaded", self.path.display());
        TableFault(self.trouble.clone().unwrap_or_else(unknown))
    }

    /// Whether a row's value is wanted.
    pub(super) fn has_value(&self, is_wanted: &dyn Fn(&str) -> bool) -> bool {
        self.good.as_ref().is_some_and(|(_, content)| content.has_value(is_wanted))
    }

    /// What is wrong with the file and its rows.
    pub(super) fn faults(&self) -> Vec<TableFault> {
        let mut faults: Vec<_> = self.trouble.iter().cloned().map(TableFault).collect();
        if let Some((_, content)) = &self.good {
            let problems = content.problems();
            let more = problems.len().saturating_sub(MOST_FAULTS);
            faults.extend(problems.iter().take(MOST_FAULTS).map(|(line, problem)| self.row_fault(*line, problem)));
            if more > 0 {
                faults.push(TableFault(format!("{}: {more} more invalid entries", self.path.display())));
            }
        }
        faults
    }

    /// The keys of its rows.
    pub(super) fn keys(&self) -> Vec<String> {
        self.good.as_ref().map(|(_, content)| content.keys()).unwrap_or_default()
    }

    /// What is in the file without an effect.
    pub(super) fn without_effect(&self) -> Vec<TableFault> {
        let Some((_, content)) = &self.good else { return Vec::new() };
        let rows = content.without_effect(self.format);
        rows.iter().take(MOST_FAULTS).map(|(line, problem)| self.row_fault(*line, problem)).collect()
    }

    fn row_fault(&self, line: u32, problem: &str) -> TableFault {
        TableFault(format!("{}:{line}: {problem}", self.path.display()))
    }

    /// Keeps what was read, or the last good version and the reason.
    fn settle(&mut self, result: Result<(Stamp, Content), Refusal>) {
        let is_missing = matches!(&result, Err(Refusal::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound);
        if is_missing && self.unusable == Unusable::IsNoRow {
            (self.good, self.trouble) = (Some((Stamp::default(), Content::read(self.format, Vec::new()))), None);
            return;
        }
        let shown = self.path.display();
        let trouble = match result {
            Ok(good) => {
                self.good = Some(good);
                (self.trouble, self.watched, self.unfit, self.lost) = (None, None, None, None);
                return;
            }
            Err(Refusal::Unsettled(_)) => {
                format!(
                    "table {shown} is still being written: postrider reads it when it has not changed for two seconds"
                )
            }
            Err(Refusal::Unfit(stamp, why)) => {
                self.unfit = Some(stamp);
                format!("table {shown} {why}")
            }
            Err(Refusal::Unreadable(error)) => {
                let since = *self.lost.get_or_insert_with(Instant::now);
                if since.elapsed() >= SETTLED {
                    self.good = None;
                }
                format!("cannot read table {shown}: {error}; {}", way_out(&error, self.unusable))
            }
        };
        self.trouble = Some(trouble);
    }

    /// Reads the file if it has settled and did not change meanwhile.
    fn read(&mut self) -> Result<(Stamp, Content), Refusal> {
        let mut file = open::at_once(&self.path).map_err(Refusal::Unreadable)?;
        let before = file.metadata().map_err(Refusal::Unreadable)?;
        let stamp = Stamp::of(&before);
        if !before.is_file() {
            return Err(Refusal::Unfit(stamp, "is not a regular file: name the text file with its entries"));
        }
        let age = before.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        self.has_settled(stamp, age, Instant::now())?;
        let text = contents(&mut file, stamp)?;
        // The name must still lead to the same version: not renamed over, not written to.
        let after = fs::metadata(&self.path).map_err(Refusal::Unreadable)?;
        if Stamp::of(&after) != stamp || text.len() as u64 != stamp.size {
            return Err(Refusal::Unsettled(SETTLED));
        }
        Ok((stamp, Content::read(self.format, text)))
    }

    /// By its age, or, where the clock cannot tell (it jumped, or the file comes from the
    /// future), by watching it.
    fn has_settled(&mut self, stamp: Stamp, age: Option<Duration>, now: Instant) -> Result<(), Refusal> {
        if age.is_some_and(|age| age >= SETTLED) {
            return Ok(());
        }
        match self.watched {
            Some((watched, since)) if watched == stamp => {
                let left = SETTLED.saturating_sub(now.saturating_duration_since(since));
                if left.is_zero() { Ok(()) } else { Err(Refusal::Unsettled(left)) }
            }
            _ => {
                self.watched = Some((stamp, now));
                Err(Refusal::Unsettled(SETTLED.saturating_sub(age.unwrap_or_default())))
            }
        }
    }
}

fn contents(file: &mut File, stamp: Stamp) -> Result<Vec<u8>, Refusal> {
    if stamp.size > MOST {
        return Err(Refusal::Unfit(stamp, "is larger than 256 MiB: split it"));
    }
    let mut text = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or(0));
    file.take(stamp.size + 1).read_to_end(&mut text).map_err(Refusal::Unreadable)?;
    if text.contains(&0) {
        return Err(Refusal::Unfit(
            stamp,
            "is not text: name the source file that postmap reads, not the database it creates (.db, .lmdb, .cdb)",
        ));
    }
    Ok(text)
}

fn way_out(error: &io::Error, unusable: Unusable) -> &'static str {
    match error.kind() {
        _ if unusable == Unusable::IsNoRow => "mail goes as if it were empty: give this user read access to it",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "create it (an empty file is an empty table), or remove it from the configuration; mail that needs it waits"
        }
        io::ErrorKind::PermissionDenied => {
            "give this user read access to the file and its folders; mail that needs it waits"
        }
        _ => "mail that needs it waits",
    }
}

#[cfg(test)]
mod tests;
