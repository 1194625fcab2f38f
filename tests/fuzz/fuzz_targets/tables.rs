//! Tables in each format: whatever a file holds, a look-up ends, says where its answer stands, and a bad row is in the way of
//! its own key only.
#![no_main]

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use postrider::config::table::{Dialect, Hit, Span, TableFault, TableSet, TableSource};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// The table with this text, in a file that is old enough to be read at once.
fn load(source: fn(PathBuf) -> TableSource, text: &[u8]) -> TableSet {
    let path = FOLDER.path().join("table");
    fs::write(&path, text).expect("the table is written");
    let then = SystemTime::now() - Duration::from_secs(60);
    File::options().write(true).open(&path).and_then(|file| file.set_modified(then)).expect("the table is old");
    TableSet::load("generic", &[source(path)])
}

fn look(found: &Result<Option<Hit>, TableFault>, lines: usize) {
    match found {
        Ok(None) => {}
        Ok(Some(hit)) => {
            let line = hit.place.rsplit(':').next().and_then(|line| line.parse::<usize>().ok());
            assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{hit:?}");
            assert!(!hit.value.contains('\n'), "{hit:?}");
        }
        Err(TableFault(text)) => assert!(!text.is_empty() && !text.contains('\n'), "{text:?}"),
    }
}

fuzz_target!(|input: (u8, String, Vec<u8>)| {
    let (kind, key, text) = input;
    let sources: [fn(PathBuf) -> TableSource; 4] = [
        TableSource::Text,
        TableSource::Aliases,
        |path| TableSource::Pattern(Dialect::Posix, path),
        |path| TableSource::Pattern(Dialect::Pcre, path),
    ];
    let kind = usize::from(kind) % sources.len();
    let table = load(sources[kind], &text);
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    for fault in table.faults() {
        look(&Err(fault), lines);
    }
    let found = table.lookup(&key, Span::Whole);
    look(&found, lines);
    look(&table.lookup(&key, Span::Part), lines);
    if kind > 1 {
        return;
    }
    assert_eq!(table.lookup(&key.to_ascii_uppercase(), Span::Whole), found, "keys have no case");
    // The first row of a key counts.
    if table.lookup("last", Span::Whole) != Ok(None) {
        return;
    }
    let row: [&[u8]; 2] = [b"\nlast one\n", b"\nlast: one\n"];
    let longer = load(sources[kind], &[&text[..], row[kind]].concat());
    let last =
        longer.lookup("last", Span::Whole).expect("a row is in nobody else's way").expect("the last row is there");
    assert_eq!(last.value, "one");
    if found != Ok(None) {
        assert_eq!(longer.lookup(&key, Span::Whole), found, "a row that is added last changes no other");
    }
});
