//! Unit tests of `spool::dropped`.
#![allow(clippy::unwrap_used)]
use std::io::{Read, Write};

use super::*;

#[test]
fn one_name_twice_in_raw_is_two_submissions() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    for text in ["one", "two", "three"] {
        let file = spool.begin_raw().unwrap();
        file.file().write_all(text.as_bytes()).unwrap();
        spool.keep_raw(file, 1000, "T").unwrap();
    }
    let names = spool.waiting_names(Place::Raw).unwrap();
    assert_eq!(names, ["1000.T", "1000.T-1", "1000.T-2"]);
    for (name, text) in names.iter().zip(["one", "two", "three"]) {
        let Found::Submission(mut waiting) = spool.open_waiting(Place::Raw, name).unwrap() else { unreachable!() };
        let mut there = String::new();
        waiting.file.read_to_string(&mut there).unwrap();
        assert_eq!((waiting.uid, there.as_str()), (1000, text));
    }
}
