//! Unit tests of `config::table::cache`.
#![allow(clippy::unwrap_used)]
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use super::*;
use crate::config::table::{Span, TableSource};

/// A big table, which was written so many seconds ago.
fn write_table(path: &Path, value: &str, seconds: u64) {
    let rows = (0..20_000).fold(String::new(), |mut rows, number| {
        writeln!(rows, "user{number}@x {value}").unwrap();
        rows
    });
    std::fs::write(path, rows).unwrap();
    let then = SystemTime::now() - Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
}

#[test]
fn tables_are_read_once_and_again_when_they_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("canonical");
    let rewriting = Rewriting { canonical: vec![TableSource::Text(path.clone())], ..Rewriting::default() };
    let kept = KeptTables { leaving: RwLock::default(), arrival: OnceLock::new() };
    let answer = || {
        let found = kept.arrival(&rewriting).canonical.lookup("user1@x", Span::Whole).unwrap();
        found.map(|hit| hit.value)
    };
    write_table(&path, "one@x", 10);
    let begun = Instant::now();
    kept.renew(&rewriting);
    let reading = begun.elapsed();
    let begun = Instant::now();
    for _ in 0..10 {
        kept.renew(&rewriting);
        assert_eq!(answer().as_deref(), Some("one@x"));
    }
    assert!(begun.elapsed() < reading, "{:?} for ten looks, {reading:?} for reading it", begun.elapsed());
    write_table(&path, "two@x", 10);
    kept.renew(&rewriting);
    assert_eq!(answer().as_deref(), Some("two@x"));
    // One that may be half written is waited for.
    write_table(&path, "three@x", 1);
    kept.renew(&rewriting);
    assert_eq!(answer().as_deref(), Some("three@x"));
}
