//! Files of the spool with an octet altered, cut off, or of bytes from anywhere: what is read is what was written or is refused,
//! and a journal that can be read can be written to.
#![no_main]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use postrider::mail::address::ReversePath;
use postrider::spool::account_health;
use postrider::spool::history;
use postrider::spool::id::MessageId;
use postrider::spool::journal::Journal;
use postrider::spool::journal_line::Line;
use postrider::spool::learned::LearnedOfAccounts;
use postrider::spool::message_file::Envelope;
use postrider::spool::queue::Spool;
use postrider::spool::writer::Incoming;
use tempfile::TempDir;

const RECIPIENTS: usize = 2;

/// The spool, with the folders of one run.
static SPOOL: LazyLock<(TempDir, Spool)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(&folder.path().join("spool")).expect("a spool");
    fs::create_dir(spool.dir().join("history"))
        .or_else(|_| fs::metadata(spool.dir().join("history")).map(drop))
        .expect("a folder");
    (folder, spool)
});

fn id() -> MessageId {
    MessageId::new(1_795_000_000_000_000, 7)
}

fn time() -> Timestamp {
    Timestamp::from_second(1_795_000_000).expect("a time")
}

/// What becomes of a file.
enum Damage {
    /// The octet at this place is combined with this one.
    Altered(usize, u8),
    CutOff(usize),
}

impl Damage {
    fn of(place: u16, octet: u8, length: usize) -> Self {
        let place = usize::from(place) % length.max(1);
        if octet == 0 { Self::CutOff(place) } else { Self::Altered(place, octet) }
    }

    fn act(&self, path: &Path) {
        let mut bytes = fs::read(path).expect("it was written");
        match *self {
            Self::Altered(place, octet) => bytes[place] ^= octet,
            Self::CutOff(place) => bytes.truncate(place),
        }
        fs::write(path, bytes).expect("it is written");
    }
}

fn length(path: &Path) -> usize {
    usize::try_from(fs::metadata(path).expect("it was written").len()).expect("it is small")
}

fn message(spool: &Spool, place: u16, octet: u8, content: &[u8]) {
    let path = spool.dir().join("queue").join(id().as_str());
    let envelope = Envelope::mail(id(), time(), ReversePath::Null, Vec::new());
    let mut incoming = Incoming::begin(spool, envelope).expect("it is begun");
    incoming.write(content).expect("it is written");
    incoming.commit().expect("it is stored");
    Damage::of(place, octet, length(&path)).act(&path);
    if let Ok(stored) = spool.open_message(&id()) {
        let mut read = Vec::new();
        stored.content().expect("it is open").read_to_end(&mut read).expect("its length was compared");
        assert!(stored.verify().is_err() || read == content, "altered content is found out");
    }
    fs::write(&path, content).expect("it is written");
    if let Ok(stored) = spool.open_message(&id()) {
        let _ = stored.verify();
    }
    fs::remove_file(path).expect("it is there");
}

/// A line for each octet.
fn line(octet: u8) -> Line {
    match octet % 8 {
        0 => Line::Hold,
        1 => Line::Release,
        2 => Line::Retry,
        3 => Line::Next(time()),
        4 => Line::Returned(id()),
        5 => Line::Replaced(usize::from(octet) % RECIPIENTS),
        6 => Line::Owed(u32::from(octet)),
        _ => {
            Line::Attempt { number: 1, account: format!("isp{octet}"), relay: "mail.isp.example[192.0.2.1]:587".into() }
        }
    }
}

fn journal(spool: &Spool, place: u16, octet: u8, bytes: &[u8]) {
    let path = spool.dir().join("queue").join(format!("{}.journal", id()));
    let written: Vec<Line> = bytes.iter().take(40).map(|octet| line(*octet)).collect();
    let mut journal = Journal::open(spool, &id(), RECIPIENTS).expect("there is none yet");
    journal.append(time(), &written).expect("it is written");
    drop(journal);
    if !written.is_empty() {
        Damage::of(place, octet, length(&path)).act(&path);
        if let Some(read) = goes_on(spool) {
            assert!(written.starts_with(&read), "an altered line is never read");
        }
    }
    fs::write(&path, bytes).expect("it is written");
    goes_on(spool);
    fs::remove_file(path).expect("it is there");
}

/// Reads the journal, writes to it and reads it again; what it said first.
fn goes_on(spool: &Spool) -> Option<Vec<Line>> {
    let lines = || Some(Journal::lines(spool, &id()).ok()?.into_iter().map(|(_, line)| line).collect::<Vec<_>>());
    let peeked = Journal::peek(spool, &id(), RECIPIENTS).ok();
    let before = lines();
    let Ok(mut journal) = Journal::open(spool, &id(), RECIPIENTS) else {
        assert!(peeked.is_none(), "whoever only looks sees the same");
        return None;
    };
    assert_eq!(peeked.as_ref(), Some(journal.state()));
    journal.append(time(), &[Line::Hold]).expect("it is written");
    let mut expected = before.clone().expect("it was read");
    expected.push(Line::Hold);
    assert_eq!(lines(), Some(expected));
    assert_eq!(&Journal::peek(spool, &id(), RECIPIENTS).expect("it was read"), journal.state());
    before
}

fn others(spool: &Spool, bytes: &[u8]) {
    fs::write(spool.dir().join("accounts.json"), bytes).expect("it is written");
    let health = account_health::read(spool);
    account_health::write(spool, &health).expect("it is written");
    assert_eq!(account_health::read(spool), health);
    fs::write(spool.dir().join("learned.json"), bytes).expect("it is written");
    let _ = LearnedOfAccounts::kept_in(spool.clone()).get("isp", "");

    let day: PathBuf = spool.dir().join("history/2026-11-18.jsonl");
    fs::write(&day, bytes).expect("it is written");
    let mut records = Vec::new();
    let see = |record: &history::Record, line: &str| {
        assert!(bytes.windows(line.len()).any(|part| part == line.as_bytes()));
        records.push(record.clone());
        true
    };
    history::read(spool, None, see).expect("it is read");
    fs::remove_file(day).expect("it is there");
}

fuzz_target!(|input: (u8, u16, u8, Vec<u8>)| {
    let (what, place, octet, bytes) = input;
    let spool = &SPOOL.1;
    match what % 3 {
        0 => message(spool, place, octet, &bytes),
        1 => journal(spool, place, octet, &bytes),
        _ => others(spool, &bytes),
    }
});
