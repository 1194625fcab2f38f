//! history/: one JSON line per finished message, in one file per UTC day. postrider-formats(5) describes the lines.
//!
//! History is for people, and in one case for the runner: the record of a message without a journal is the only proof
//! that it was delivered (`runner::finished`). So a record is synced before its message is removed, and a line is
//! either complete or recognisable as incomplete. A file is only ever appended to, except that a failed append is cut
//! off again.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rustix::fs::Access;
use serde::{Deserialize, Serialize};

use super::SpoolError;
use super::id::MessageId;
use super::message_file::Envelope;
use super::queue::Spool;
use crate::mail::outcome::Status;
use crate::mail::submitter::Submitter;

/// The final state of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The recipient's address after admission.
    pub address: String,
    /// The relay of the last attempt, as `host[ip]:port`, or `none`.
    pub relay: String,
    /// The account's name, or empty.
    pub account: String,
    /// How delivery ended.
    pub status: Ended,
    /// The enhanced status code (RFC 3463).
    pub dsn: String,
    /// The server's reply, or our own reason.
    pub reply: String,
    /// The address in RCPT TO, if `generic` changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<String>,
}

/// How delivery to a recipient ended: the status of its last outcome, or a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The relay accepted the message.
    Delivered,
    /// Set aside while delivery was still being tried.
    Deferred,
    /// The recipient will not get it.
    Refused,
    /// The connection was lost after the content was sent, so delivery is unconfirmed.
    Unknown,
    /// The message was deleted from the queue first.
    Deleted,
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        match status {
            Status::Delivered => Self::Delivered,
            Status::Deferred => Self::Deferred,
            Status::Refused => Self::Refused,
            Status::Unknown => Self::Unknown,
        }
    }
}

/// One line of history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The message's id.
    pub id: MessageId,
    /// When the message was stored.
    #[serde(with = "super::time")]
    pub arrived: Timestamp,
    /// When the message was finished.
    #[serde(with = "super::time")]
    pub finished: Timestamp,
    /// The envelope sender after admission; empty for the null sender.
    pub sender: String,
    /// The envelope sender as given with -f.
    pub submitted_sender: Option<String>,
    /// The user or network client that submitted it.
    #[serde(flatten)]
    pub submitter: Submitter,
    /// Size of the content in bytes.
    pub size: u64,
    /// The submission's token. Records written before this member existed lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// CRC-32 (IEEE) of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32: Option<u32>,
    /// The value of the Message-ID field.
    pub message_id: String,
    /// The decoded subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The address in MAIL FROM, if `generic` changed it; empty for the null sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_from: Option<String>,
    /// All recipients.
    pub recipients: Vec<Finished>,
}

/// Begins the token of a message that contains those of a flood.
pub const FLOOD_TOKEN: &str = "flood-";

impl Record {
    /// Whether it is of a message that contains those of a flood, which have records of their own.
    #[must_use]
    pub fn is_flood_digest(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.starts_with(FLOOD_TOKEN))
    }
}

/// Of a record, whose message it was.
#[derive(Deserialize)]
struct OfSubmitter {
    #[serde(flatten)]
    submitter: Submitter,
}

/// Of a record, who wrote and when.
#[derive(Deserialize)]
struct OfSender {
    sender: String,
    #[serde(with = "super::time")]
    arrived: Timestamp,
}

/// What a record says about a message that a crash left in queue/.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// When the message was stored.
    pub arrived: Timestamp,
    /// Size of the content in bytes.
    pub size: u64,
    /// Token and checksum of the submission, if the record has them.
    pub token: Option<(String, u32)>,
    /// Whether all recipients received it.
    pub is_delivered: bool,
}

/// Whether a record with a message's id describes that message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// It describes this message.
    Its,
    /// It describes an earlier message that had the same id.
    Anothers,
}

impl Trace {
    /// A record describes the same message if token, size and checksum agree. Ids alone prove nothing, because an id
    /// becomes free again once its message is finished. Old records without a token are compared by time and size.
    #[must_use]
    pub fn whose(&self, envelope: &Envelope) -> Whose {
        let is_its = match &self.token {
            Some((token, sum)) => {
                (token.as_str(), *sum, self.size) == (envelope.token.as_str(), envelope.crc32, envelope.size)
            }
            None => (self.arrived, self.size) == (envelope.arrived, envelope.size),
        };
        if is_its { Whose::Its } else { Whose::Anothers }
    }
}

impl From<&Record> for Trace {
    fn from(record: &Record) -> Self {
        let is_delivered = record.recipients.iter().all(|recipient| recipient.status == Ended::Delivered);
        let token = record.token.clone().zip(record.crc32);
        Self { arrived: record.arrived, size: record.size, token, is_delivered }
    }
}

/// Appends the records, with one write per day, and syncs them.
pub fn append(spool: &Spool, records: &[Record]) -> Result<(), SpoolError> {
    records
        .chunk_by(|one, next| day(one.finished) == day(next.finished))
        .try_for_each(|of_day| append_day(spool, of_day))
}

fn append_day(spool: &Spool, records: &[Record]) -> Result<(), SpoolError> {
    let Some(first) = records.first() else { return Ok(()) };
    let (folder, dir) = spool.folder("history")?;
    let path = dir.join(format!("{}{SUFFIX}", day(first.finished)));
    let day_file = spool.day_file(&path);
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let file = options.open(&path).map_err(SpoolError::io("open", &path))?;
    // The length is read and then used, so no other thread may write in between.
    let octets = day_file.write_alone(|| write(&file, records)).map_err(SpoolError::io("write", &path))?;
    for (record, octets) in records.iter().zip(octets) {
        spool.usage_table().record(day(record.finished), &record.submitter, octets);
    }
    day_file.sync(&file).map_err(SpoolError::io("sync", &path))?;
    day_file.sync_name(|| folder.sync()).map_err(SpoolError::io("sync", &dir))
}

/// Appends the records' lines, or nothing; the octets of each.
fn write(mut file: &File, records: &[Record]) -> io::Result<Vec<u64>> {
    let end = file.metadata()?.len();
    let (lines, octets) = lines(file, end, records)?;
    let written = file.write_all(&lines);
    if written.is_err() {
        // If this fails as well, the next append starts with a line feed, which ends the incomplete line.
        let _ = file.set_len(end);
    }
    written.map(|()| octets)
}

/// Reads the records of all days since `since`, oldest file first, until `see` returns false. `see` gets each record
/// and its line. Incomplete lines, which a crash can leave, are skipped.
pub fn read(
    spool: &Spool,
    since: Option<Timestamp>,
    mut see: impl FnMut(&Record, &str) -> bool,
) -> Result<(), SpoolError> {
    let is_asked = |date: Date| since.is_none_or(|since| date >= day(since)).then_some(0);
    each_line(spool, is_asked, |line| match (serde_json::from_slice(line), str::from_utf8(line)) {
        (Ok(record), Ok(line)) => see(&record, line.trim_end_matches('\n')),
        _ => true,
    })
}

/// Reads the lines of each day, oldest first, from the offset that `from` returns for the day. Days without an offset
/// are skipped.
///
/// A reader may see the last line half-written. It does not parse as JSON and is skipped, and the next reading has it.
fn each_line(
    spool: &Spool,
    from: impl Fn(Date) -> Option<u64>,
    mut see: impl FnMut(&[u8]) -> bool,
) -> Result<(), SpoolError> {
    let mut line = Vec::new();
    for date in days(spool)? {
        let Some(from) = from(date) else { continue };
        let path = path_of(spool, date);
        let mut file = match File::open(&path) {
            // Pruned in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(SpoolError::io("open", &path))?,
        };
        let from = if is_line_start(&file, from) { from } else { 0 };
        file.seek(SeekFrom::Start(from)).map_err(SpoolError::io("read", &path))?;
        let mut file = BufReader::new(file);
        while file.read_until(b'\n', &mut line).map_err(SpoolError::io("read", &path))? != 0 {
            if !see(&line) {
                return Ok(());
            }
            line.clear();
        }
    }
    Ok(())
}

/// Reads the senders of the records after `known`, with the time when each message was stored.
pub fn senders(spool: &Spool, known: &Extent, mut see: impl FnMut(&str, Timestamp)) -> Result<(), SpoolError> {
    let from = |date: Date| Some(known.0.get(&date).copied().unwrap_or(0));
    each_line(spool, from, |line| {
        if let Ok(OfSender { sender, arrived }) = serde_json::from_slice(line) {
            see(&sender, arrived);
        }
        true
    })
}

/// Octets of this day's lines.
#[must_use]
pub fn octets_of_day(spool: &Spool, at: Timestamp) -> u64 {
    fs::metadata(path_of(spool, day(at))).map_or(0, |file| file.len())
}

/// The same by submitter, which takes as long as reading them.
pub fn octets_by_submitter(spool: &Spool, at: Timestamp) -> Result<HashMap<Submitter, u64>, SpoolError> {
    let mut octets: HashMap<Submitter, u64> = HashMap::new();
    let today = day(at);
    let of_today = |date| (date == today).then_some(0);
    each_line(spool, of_today, |line| {
        if let Ok(OfSubmitter { submitter }) = serde_json::from_slice(line) {
            *octets.entry(submitter).or_default() += line.len() as u64;
        }
        true
    })?;
    Ok(octets)
}

/// Whether `at` is still the start of a line. It is not if the file was removed and started again in the meantime.
fn is_line_start(file: &File, at: u64) -> bool {
    let mut octet = [0];
    at == 0 || (file.read_exact_at(&mut octet, at - 1).is_ok() && octet == *b"\n")
}

/// The files of history/, as far as they can be listed, with what the runner must be able to do with each.
pub(super) fn files(spool: &Spool, now: Timestamp) -> Vec<(PathBuf, Access)> {
    let access = |date| if date == day(now) { Access::READ_OK | Access::WRITE_OK } else { Access::READ_OK };
    days(spool).unwrap_or_default().into_iter().map(|date| (path_of(spool, date), access(date))).collect()
}

fn days(spool: &Spool) -> Result<Vec<Date>, SpoolError> {
    let dir = spool.dir().join("history");
    let entries = match fs::read_dir(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(SpoolError::io("list", &dir))?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut days: Vec<Date> = names.filter_map(|name| name.strip_suffix(SUFFIX)?.parse().ok()).collect();
    days.sort_unstable();
    Ok(days)
}

fn path_of(spool: &Spool, date: Date) -> PathBuf {
    spool.dir().join("history").join(format!("{date}{SUFFIX}"))
}

/// The length of each file of history/ in bytes, by day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent(BTreeMap<Date, u64>);

impl Extent {
    /// The current lengths.
    pub fn now(spool: &Spool) -> Result<Self, SpoolError> {
        let mut extent = BTreeMap::new();
        for date in days(spool)? {
            let path = path_of(spool, date);
            match fs::metadata(&path) {
                Ok(file) => drop(extent.insert(date, file.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(SpoolError::io("read", path)(error)),
            }
        }
        Ok(Self(extent))
    }
}

/// The messages that have a record after `known`, limited to those that `is_asked` selects. Only their lines are
/// parsed as JSON: a start after a crash reads a whole day.
pub fn traces(
    spool: &Spool,
    known: &Extent,
    is_asked: impl Fn(&MessageId) -> bool,
) -> Result<HashMap<MessageId, Trace>, SpoolError> {
    let mut traces = HashMap::new();
    let from = |date: Date| Some(known.0.get(&date).copied().unwrap_or(0));
    each_line(spool, from, |line| {
        if id_of(line).is_some_and(|id| is_asked(&id))
            && let Ok(record) = serde_json::from_slice::<Record>(line)
        {
            traces.insert(record.id.clone(), Trace::from(&record));
        }
        true
    })?;
    Ok(traces)
}

/// The id of a record. It is always the first member.
///
/// The cheap test first: the line of every message of the day is looked at, and only a handful belong to files that
/// are still in queue/.
fn id_of(line: &[u8]) -> Option<MessageId> {
    let id = line.strip_prefix(b"{\"id\":\"")?.split(|octet| *octet == b'"').next()?;
    MessageId::parse(str::from_utf8(id).ok()?)
}

/// Removes the files that `is_over` finds old enough, given their name and the end of their day (UTC).
///
/// By the end of the day, so that no record is removed before its own time, whatever hour it was written.
pub fn prune(spool: &Spool, mut is_over: impl FnMut(&str, Timestamp) -> bool) -> Result<(), SpoolError> {
    let (_, dir) = spool.folder("history")?;
    for entry in fs::read_dir(&dir).map_err(SpoolError::io("list", &dir))? {
        let entry = entry.map_err(SpoolError::io("list", &dir))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Some(day) = name.strip_suffix(SUFFIX).and_then(|day| day.parse::<Date>().ok()) else { continue };
        let end = day.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC)).map(|next| next.timestamp());
        if end.is_ok_and(|end| is_over(&name, end)) {
            fs::remove_file(entry.path()).map_err(SpoolError::io("remove", entry.path()))?;
        }
    }
    Ok(())
}

const SUFFIX: &str = ".jsonl";

pub(super) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The records' lines, and the octets of each; behind one that a crash cut short, a line end first.
fn lines(file: &File, end: u64, records: &[Record]) -> io::Result<(Vec<u8>, Vec<u64>)> {
    let (mut lines, mut octets) = (Vec::new(), Vec::new());
    if let Some(last) = end.checked_sub(1) {
        let mut octet = [0];
        file.read_exact_at(&mut octet, last)?;
        if octet != *b"\n" {
            lines.push(b'\n');
        }
    }
    for record in records {
        let start = lines.len();
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
        octets.push((lines.len() - start) as u64);
    }
    Ok((lines, octets))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
