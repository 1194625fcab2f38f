//! Unit tests of `durable`.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

fn folder() -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    (dir, folder)
}

fn names(dir: &tempfile::TempDir) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn both(folder: &Folder) -> [Durable; 2] {
    [Durable::create(folder, 0o600).unwrap(), Durable::create_named(folder, Mode::from_raw_mode(0o600)).unwrap()]
}

#[test]
fn a_kept_file_is_alone_whole_and_private() {
    for which in 0..2 {
        let (dir, folder) = folder();
        let [unnamed, named] = both(&folder);
        let (mut durable, other) = if which == 0 { (unnamed, named) } else { (named, unnamed) };
        drop(other);
        durable.file().write_all(b"content").unwrap();
        durable.keep(["name"], &Folder::sync).unwrap();
        assert_eq!(names(&dir), ["name"]);
        assert_eq!(std::fs::read(dir.path().join("name")).unwrap(), b"content");
        let metadata = dir.path().join("name").metadata().unwrap();
        assert_eq!((metadata.permissions().mode() & 0o7777, metadata.nlink()), (0o600, 1));
    }
}

#[test]
fn a_dropped_file_leaves_nothing() {
    let (dir, folder) = folder();
    drop(both(&folder));
    assert!(names(&dir).is_empty());
}

#[test]
fn a_taken_name_is_not_replaced() {
    let (dir, folder) = folder();
    std::fs::write(dir.path().join("name"), "older").unwrap();
    for mut durable in both(&folder) {
        durable.file().write_all(b"newer").unwrap();
        let refused = durable.keep(["name"], &Folder::sync).unwrap_err();
        assert_eq!((refused.action, refused.error.kind()), ("link", io::ErrorKind::AlreadyExists));
    }
    assert_eq!(names(&dir), ["name"]);
    assert_eq!(std::fs::read(dir.path().join("name")).unwrap(), b"older");
}

#[test]
fn the_first_name_that_is_free_is_taken() {
    let (dir, folder) = folder();
    std::fs::write(dir.path().join("0"), "older").unwrap();
    for mut durable in both(&folder) {
        durable.keep(["0", "1", "2"], &Folder::sync).unwrap();
    }
    let refused = Durable::create(&folder, 0o600).unwrap().keep(["0", "1", "2"], &Folder::sync).unwrap_err();
    assert_eq!((refused.action, refused.error.kind()), ("link", io::ErrorKind::AlreadyExists));
    assert_eq!(names(&dir).len(), 3);
}

#[test]
fn a_folder_is_not_followed_through_a_link() {
    let (dir, _) = folder();
    std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).unwrap();
    assert!(Folder::open(&dir.path().join("link")).is_err());
}
