//! Sockets with and without a listener.

use super::*;
use std::os::unix::net::{UnixListener, UnixStream};

#[test]
fn a_socket_has_a_listener_for_as_long_as_somebody_listens_and_not_for_as_long_as_its_file_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("submit");
    assert_eq!(has_listener(&path), Some(false));
    let listener = UnixListener::bind(&path).unwrap();
    assert_eq!(has_listener(&path), Some(true));
    let connection = UnixStream::connect(&path).unwrap();
    let accepted = listener.accept().unwrap();
    drop(listener);
    assert_eq!((has_listener(&path), path.exists()), (Some(false), true), "what was accepted has the name as well");
    drop((connection, accepted));
}

#[test]
fn a_name_that_only_begins_like_the_path_is_another_socket() {
    let line = b"0000000000000000: 00000002 00000000 00010000 0001 01 4711 /run/postrider/submit.old";
    assert!(listens_at(line, OsStr::new("/run/postrider/submit.old")));
    assert!(!listens_at(line, OsStr::new("/run/postrider/submit")));
}
