//! Unit tests of `spool::recovery`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::super::dropped::Place;
use super::super::message_file::Envelope;
use super::super::writer::Incoming;
use super::*;
use crate::mail::address::ReversePath;

fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    fs::create_dir(dir.path().join("drop")).unwrap();
    (dir, spool)
}

/// A message that has only its hidden name.
fn hidden(spool: &Spool, micros: u64) -> (MessageId, PathBuf) {
    let id = MessageId::new(micros, 0);
    let envelope = Envelope::mail(id.clone(), jiff::Timestamp::UNIX_EPOCH, ReversePath::Null, Vec::new());
    let mut message = Incoming::begin(spool, envelope).unwrap();
    message.write(b"Subject: x\r\n\r\ntext\r\n").unwrap();
    message.commit().unwrap();
    let path = spool.dir().join("queue").join(format!("{NEW}{id}"));
    fs::rename(spool.message_path(&id), &path).unwrap();
    (id, path)
}

fn locked(path: &Path) -> File {
    let file = File::open(path).unwrap();
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    file
}

#[test]
fn a_whole_message_gets_its_name_as_soon_as_nobody_writes_it() {
    let (_dir, spool) = spool();
    let (id, path) = hidden(&spool, 1);
    let writer = locked(&path);
    assert_eq!(spool.ids().unwrap(), []);
    drop(writer);
    assert_eq!(spool.ids().unwrap(), std::slice::from_ref(&id));
    assert!(!path.exists() && spool.open_message(&id).unwrap().verify().is_ok());
    assert_eq!(spool.listing().unwrap().len(), 1);
}

#[test]
fn a_torn_message_was_never_accepted_and_goes() {
    let (_dir, spool) = spool();
    for cut in [0, 10, 200] {
        let (_, path) = hidden(&spool, 1);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(cut).unwrap();
        assert_eq!(spool.ids().unwrap(), [], "{cut}");
        assert!(!path.exists(), "{cut}");
    }
    // The length is there and the content is not.
    let (_, path) = hidden(&spool, 1);
    let length = path.metadata().unwrap().len();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(length - 5).unwrap();
    file.set_len(length).unwrap();
    assert_eq!(spool.ids().unwrap(), []);
    assert!(!path.exists());
}

#[test]
fn a_message_that_is_there_under_its_name_as_well_is_one() {
    let (_dir, spool) = spool();
    let (id, path) = hidden(&spool, 1);
    fs::copy(&path, spool.message_path(&id)).unwrap();
    assert_eq!(spool.ids().unwrap(), [id]);
    assert!(!path.exists());
}

#[test]
fn the_id_of_a_writer_that_was_killed_is_not_lost_to_the_next() {
    let (_dir, spool) = spool();
    let (id, path) = hidden(&spool, 1);
    let message = || {
        let envelope = Envelope::mail(id.clone(), jiff::Timestamp::UNIX_EPOCH, ReversePath::Null, Vec::new());
        Incoming::begin(&spool, envelope).unwrap()
    };
    // While it is written, nobody is told that it is stored.
    let writer = locked(&path);
    if message().commit().is_ok() {
        // Where names are synced by themselves, hidden ones are not made.
        return;
    }
    assert!(!matches!(message().commit(), Err(SpoolError::Exists(_)) | Ok(_)));
    drop(writer);
    assert!(matches!(message().commit(), Err(SpoolError::Exists(_))));
    assert_eq!(spool.ids().unwrap(), [id]);
}

const FRAME: &[u8] = b"\0\0\0\x02{}\0\0\0\x04text\0\0\0\0\xd0\x49\x8e\x09";

fn waiting(spool: &Spool) -> Vec<String> {
    spool.waiting_names(Place::Drop).unwrap()
}

#[test]
fn a_whole_submission_gets_the_next_name_that_is_free() {
    let (dir, spool) = spool();
    let uid = dir.path().metadata().unwrap().uid();
    let drop_folder = dir.path().join("drop");
    let path = drop_folder.join(format!(".{uid}.0"));
    fs::write(&path, FRAME).unwrap();
    let writer = locked(&path);
    assert!(waiting(&spool).is_empty());
    drop(writer);
    assert_eq!(waiting(&spool), [format!("{uid}.0")]);
    fs::write(&path, FRAME).unwrap();
    assert_eq!(waiting(&spool), [format!("{uid}.0"), format!("{uid}.1")]);
}

#[test]
fn a_torn_submission_goes_and_what_the_drop_program_never_makes_is_shown() {
    let (dir, spool) = spool();
    let uid = dir.path().metadata().unwrap().uid();
    let drop_folder = dir.path().join("drop");
    let path = drop_folder.join(format!(".{uid}.0"));
    let behind = [FRAME, b"x"].concat();
    for torn in [&b""[..], &FRAME[..9], &FRAME[..FRAME.len() - 1], &behind] {
        fs::write(&path, torn).unwrap();
        assert!(waiting(&spool).is_empty() && !path.exists(), "{torn:?}");
    }
    for name in [".x", ".1.x", &format!(".{}.0", uid + 1), &format!(".{uid}.999999999")] {
        fs::write(drop_folder.join(name), FRAME).unwrap();
        assert_eq!(waiting(&spool), [name.to_owned()]);
        fs::remove_file(drop_folder.join(name)).unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    assert_eq!(waiting(&spool), [format!(".{uid}.0")]);
}

#[test]
fn what_is_no_file_under_a_hidden_name_is_set_aside() {
    let (dir, spool) = spool();
    let path = |micros: u64| dir.path().join("queue").join(format!("{NEW}{}", MessageId::new(micros, 0)));
    fs::create_dir(path(1)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", path(2)).unwrap();
    rustix::fs::mknodat(CWD, path(3), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    assert_eq!(spool.ids().unwrap(), []);
    assert_eq!(fs::read_dir(dir.path().join("queue")).unwrap().count(), 0);
    assert_eq!(spool.failed().unwrap().len(), 3);
}
