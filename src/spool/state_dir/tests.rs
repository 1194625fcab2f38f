//! Unit tests of `spool::state_dir`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_written_is_read_back_and_nobody_elses() {
    let above = tempfile::tempdir().unwrap();
    let path = above.path().join("state");
    assert!(StateDir::find(&path).unwrap().is_none());
    let state = StateDir::open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
    assert!(state.read("ca.key").unwrap().is_none());
    for text in ["first", "second"] {
        state.write("ca.key", text.as_bytes()).unwrap();
        assert_eq!(state.read("ca.key").unwrap().unwrap().as_slice(), text.as_bytes());
    }
    assert_eq!(fs::metadata(path.join("ca.key")).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn what_others_could_read_is_refused_with_the_command_that_closes_it() {
    let above = tempfile::tempdir().unwrap();
    let path = above.path().join("state");
    let state = StateDir::open(&path).unwrap();
    state.write("ca.key", b"secret").unwrap();
    for open in [0o640, 0o604, 0o620] {
        mode(&path.join("ca.key"), open);
        let said = state.read("ca.key").unwrap_err().to_string();
        let file = path.join("ca.key");
        let file = file.display();
        assert!(said.starts_with(&format!("others have access to {file} (mode {open:04o}): ")), "{said}");
        assert!(said.ends_with(&format!("run `chmod 600 {file}`, or remove it to have a new one made")), "{said}");
    }
    mode(&path, 0o750);
    let said = StateDir::find(&path).unwrap_err().to_string();
    assert!(said.contains(&format!("run `chmod 700 {}`", path.display())), "{said}");
}

#[test]
fn a_link_is_not_followed() {
    let above = tempfile::tempdir().unwrap();
    let path = above.path().join("state");
    let state = StateDir::open(&path).unwrap();
    symlink("/etc/hostname", path.join("ca.pem")).unwrap();
    assert!(state.read("ca.pem").is_err());
    symlink(&path, above.path().join("link")).unwrap();
    assert!(StateDir::find(&above.path().join("link")).is_err());
}

#[test]
fn what_is_written_over_a_file_takes_its_room_and_then_the_place_of_another() {
    let above = tempfile::tempdir().unwrap();
    let state = StateDir::open(&above.path().join("state")).unwrap();
    assert!(state.overwrite("next", b"new").is_err(), "nothing is reserved");
    state.write("file", b"old").unwrap();
    state.write("next", b"     ").unwrap();
    state.overwrite("next", b"new").unwrap();
    assert_eq!(state.read("next").unwrap().unwrap().as_slice(), b"new  ");
    state.rename("next", "file").unwrap();
    assert_eq!(state.read("file").unwrap().unwrap().as_slice(), b"new  ");
    assert!(state.read("next").unwrap().is_none());
    state.write("next", b"     ").unwrap();
    mode(&state.file("next"), 0o640);
    assert!(state.overwrite("next", b"new").is_err(), "others could read it");
}
