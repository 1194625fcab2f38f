//! Tests of the spool directory: making and refusing it, listing, removing, setting aside.

use std::os::unix::fs::PermissionsExt;

use super::super::journal::Journal;
use super::super::journal_line::Line;
use super::super::lock::{RunnerLock, TryLock};
use super::*;

fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(&dir.path().join("state/postrider")).unwrap();
    (dir, spool)
}

fn put(spool: &Spool, micros: u64) -> MessageId {
    let id = MessageId::new(micros, 0);
    fs::write(spool.message_path(&id), "content").unwrap();
    let mut journal = Journal::open(spool, &id, 1).unwrap();
    journal.append(jiff::Timestamp::UNIX_EPOCH, &[Line::Hold]).unwrap();
    id
}

fn names(spool: &Spool, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(spool.dir().join(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn lock(spool: &Spool) -> RunnerLock {
    let TryLock::Taken(lock) = RunnerLock::try_take(spool).unwrap() else { panic!("not free") };
    lock
}

#[test]
fn a_new_spool_is_its_owners_alone() {
    let (dir, spool) = spool();
    for path in ["", "queue", "failed", "history"] {
        let mode = spool.dir().join(path).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{path}");
    }
    assert!(Spool::find(&dir.path().join("none")).unwrap().is_none());
    assert!(!dir.path().join("none").exists());
    assert!(spool.space().unwrap().free > 0);
    drop(Spool::open(spool.dir()).unwrap());
}

#[test]
fn a_spool_that_others_may_write_to_is_refused() {
    let (_dir, spool) = spool();
    for path in [spool.dir().join("queue"), spool.dir().to_owned()] {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o770)).unwrap();
        let error = Spool::open(spool.dir()).unwrap_err();
        assert!(matches!(&error, SpoolError::Exposed { path: named, mode: 0o770 } if *named == path), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn a_spool_of_somebody_else_is_refused_before_anything_is_made_in_it() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (dir, spool) = spool();
    std::os::unix::fs::chown(spool.dir().join("queue"), Some(12345), None).unwrap();
    let error = Spool::open(spool.dir()).unwrap_err();
    assert!(matches!(error, SpoolError::NotOurs { owner: 12345, us: 0, .. }), "{error}");
    let theirs = dir.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    std::os::unix::fs::chown(&theirs, Some(12345), None).unwrap();
    assert!(matches!(Spool::open(&theirs), Err(SpoolError::NotOurs { .. })));
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
}

#[test]
fn ids_are_sorted_and_foreign_names_left_out() {
    let (_dir, spool) = spool();
    let late = put(&spool, 1_795_000_000_000_000);
    let early = put(&spool, 1_794_000_000_000_000);
    for name in [".tmp-1", "README", "0123456789abcdef"] {
        fs::write(spool.dir().join("queue").join(name), "").unwrap();
    }
    assert_eq!(spool.ids().unwrap(), [early, late]);
}

#[test]
fn a_removed_message_is_gone_with_its_journal_and_may_be_removed_again() {
    let (_dir, spool) = spool();
    let id = put(&spool, 1);
    spool.remove(&id).unwrap();
    assert!(names(&spool, "queue").is_empty());
    spool.remove(&id).unwrap();
    assert!(matches!(spool.open_message(&id), Err(SpoolError::Gone(gone)) if gone == id));
}

#[test]
fn a_message_set_aside_is_in_failed_with_journal_and_reason() {
    let (_dir, spool) = spool();
    let id = put(&spool, 1);
    fs::remove_dir(spool.dir().join("failed")).unwrap();
    spool.set_aside(&id, "nobody to tell").unwrap();
    assert!(names(&spool, "queue").is_empty());
    assert_eq!(names(&spool, "failed"), [id.to_string(), format!("{id}.journal"), format!("{id}.reason")]);
    let reason = fs::read_to_string(spool.dir().join(format!("failed/{id}.reason"))).unwrap();
    assert_eq!(reason, "nobody to tell\n");
    spool.set_aside(&id, "again").unwrap();
    let nobody = MessageId::new(2, 0);
    assert!(matches!(spool.set_aside(&nobody, "x"), Err(SpoolError::Gone(_))));
    assert_eq!(names(&spool, "failed").len(), 3);
}

#[test]
fn a_sweep_ends_what_a_crash_left_and_touches_nothing_else() {
    let (_dir, spool) = spool();
    let (waiting, finished, aside) = (put(&spool, 1), put(&spool, 2), put(&spool, 3));
    fs::remove_file(spool.message_path(&finished)).unwrap();
    fs::rename(spool.message_path(&aside), spool.dir().join("failed").join(aside.as_str())).unwrap();
    for (name, age) in [(".tmp-old", 7200), (".tmp-new", 60)] {
        let file = File::create(spool.dir().join("queue").join(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(age)).unwrap();
    }
    spool.sweep(&lock(&spool)).unwrap();
    assert_eq!(names(&spool, "queue"), [".tmp-new".to_owned(), waiting.to_string(), format!("{waiting}.journal")]);
    assert_eq!(names(&spool, "failed"), [aside.to_string(), format!("{aside}.journal")]);
}

#[test]
fn a_message_that_is_a_link_is_not_followed() {
    let (_dir, spool) = spool();
    let id = MessageId::new(1, 0);
    std::os::unix::fs::symlink("/etc/passwd", spool.message_path(&id)).unwrap();
    assert!(matches!(spool.open_message(&id), Err(SpoolError::Damaged { .. })));
}

#[test]
fn what_is_no_message_is_set_aside_and_nothing_waits_for_it() {
    let (_dir, spool) = spool();
    let path = |n| spool.message_path(&MessageId::new(n, 0));
    fs::create_dir(path(1)).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, path(2), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
    fs::write(path(3), "no envelope").unwrap();
    for n in 1..=3 {
        let id = MessageId::new(n, 0);
        assert!(matches!(spool.open_message(&id), Err(SpoolError::Damaged { .. })), "{n}");
        spool.set_aside(&id, "no message").unwrap();
    }
    fs::write(spool.dir().join("queue/letter.txt"), "mine").unwrap();
    spool.sweep(&lock(&spool)).unwrap();
    assert!(names(&spool, "queue").is_empty());
    let names_there = spool.failed().unwrap();
    assert_eq!((names_there.len(), names_there[3].as_str()), (4, "letter.txt"));
    assert!(names(&spool, "failed").contains(&"letter.txt.reason".to_owned()));
}

#[test]
fn an_id_that_is_in_failed_already_replaces_nothing_there() {
    let (_dir, spool) = spool();
    let id = put(&spool, 1);
    spool.set_aside(&id, "first").unwrap();
    fs::write(spool.message_path(&id), "second").unwrap();
    fs::write(spool.journal_path(&id), "second's").unwrap();
    let journal = fs::read(spool.failed_path(&journal_name(&id))).unwrap();
    spool.set_aside(&id, "second").unwrap();
    let there = |name: &str| fs::read(spool.failed_path(name)).unwrap();
    assert_eq!(
        (there(&format!("{id}-1")), there(&format!("{id}-1.journal"))),
        (b"second".to_vec(), b"second's".to_vec())
    );
    assert_eq!(there(&journal_name(&id)), journal);
    let reasons = spool.failed().unwrap().into_iter().map(|name| spool.failed_reason(&name)).collect::<Vec<_>>();
    assert_eq!(reasons, ["first", "second"]);
    fs::create_dir_all(spool.failed_path("folder/below")).unwrap();
    fs::write(spool.failed_path("folder.reason"), "third").unwrap();
    let first = fs::read(spool.dir().join(format!("failed/{id}"))).unwrap();
    spool.bring_back(&id).unwrap();
    assert_eq!(fs::read(spool.message_path(&id)).unwrap(), first);
    assert_eq!(spool.age_out(|_, _| true).unwrap().len(), 2);
    assert!(names(&spool, "failed").is_empty());
}
