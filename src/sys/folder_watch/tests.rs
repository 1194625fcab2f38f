//! Unit tests of `sys::folder_watch`.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn new_and_changed_files_are_seen_each_in_its_folder() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut watch = FolderWatch::new(4096).unwrap();
    let new = watch.folders().add(dir.path(), See::NewFiles).unwrap();
    let changed = watch.folders().add(other.path(), See::ChangedFiles).unwrap();
    assert_ne!(new, changed);

    let file = File::create(dir.path().join("a")).unwrap();
    let seen: Vec<_> = watch.wait().unwrap().collect();
    assert_eq!(seen, [Seen::Created(new.clone(), OsStr::new("a"))]);

    // Only a new name counts there, not what is done to the file.
    file.set_permissions(Permissions::from_mode(0o640)).unwrap();
    fs::rename(dir.path().join("a"), other.path().join("b")).unwrap();
    fs::set_permissions(other.path().join("b"), Permissions::from_mode(0o600)).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.extend(watch.wait().unwrap().map(|seen| format!("{seen:?}")));
    }
    let expected = format!("{:?}", Seen::Changed(changed.clone(), OsStr::new("b")));
    assert_eq!(seen, [expected.clone(), expected.clone()]);

    // One that goes is seen, and a folder that comes.
    fs::remove_file(other.path().join("b")).unwrap();
    fs::create_dir(other.path().join("c")).unwrap();
    seen.clear();
    while seen.len() < 2 {
        seen.extend(watch.wait().unwrap().map(|seen| format!("{seen:?}")));
    }
    assert_eq!(seen, [expected, format!("{:?}", Seen::Changed(changed, OsStr::new("c")))]);
}

#[test]
fn a_folder_that_does_not_exist_is_an_error() {
    let watch = FolderWatch::new(4096).unwrap();
    let error = watch.folders().add(Path::new("/nowhere/at/all"), See::NewFiles).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}
