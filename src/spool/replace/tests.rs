//! Unit tests of `spool::replace`.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;

use super::*;

#[test]
fn the_newer_is_there_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, path) = (Folder::open(dir.path()).unwrap(), dir.path().join("name"));
    for text in ["older", "newer"] {
        let new = Durable::create(&folder, 0o600).unwrap();
        new.file().write_all(text.as_bytes()).unwrap();
        replace(&folder, new, &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
