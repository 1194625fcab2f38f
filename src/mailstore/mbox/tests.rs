//! Unit tests of `mbox`.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use rustix::fs::{flock, mkfifoat};

use crate::mailbox::{Delivery, Envelope, Mailbox};
use crate::{Format, Recipient};

use super::*;

/// A folder, the mbox in it and its dotlock.
fn place() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (mbox, lock) = (folder.path().join("her"), folder.path().join("her.lock"));
    (folder, mbox, lock)
}

fn begin(mbox: &Path) -> Result<Delivery, Refusal> {
    let recipient = Recipient::parse("her@h").unwrap();
    Mailbox::new(Format::Mbox, mbox.to_owned(), None).begin(&Envelope {
        sender: "a@b",
        id: None,
        size: 0,
        recipient: &recipient,
    })
}

fn deliver(mbox: &Path, text: &[u8]) -> Result<(), Refusal> {
    let mut delivery = begin(mbox)?;
    delivery.pass(text)?;
    delivery.finish()
}

/// What is in it, each separator as `From a@b`.
fn text(mbox: &Path) -> String {
    let text = fs::read_to_string(mbox).unwrap();
    let line = |line: &str| line.strip_prefix("From a@b ").map_or_else(|| line.to_owned(), |_| "From a@b\n".to_owned());
    text.split_inclusive('\n').map(line).collect()
}

#[test]
fn the_separator_is_ascii_with_a_date_as_asctime_writes_it() {
    let at = |seconds| separator("a@b", Duration::from_secs(seconds));
    assert_eq!(at(0), "From a@b Thu Jan  1 00:00:00 1970\n");
    assert_eq!(at(951_825_599), "From a@b Tue Feb 29 11:59:59 2000\n");
    assert_eq!(at(1_795_877_800), "From a@b Sat Nov 28 14:56:40 2026\n");
    assert_eq!(at(1_798_761_599), "From a@b Thu Dec 31 23:59:59 2026\n");
    assert_eq!(at(4_107_542_400), "From a@b Mon Mar  1 00:00:00 2100\n");
    for sender in ["", "j\u{f6}rg@b", "a\tb@c", "a\nFrom x"] {
        assert!(separator(sender, Duration::ZERO).starts_with("From MAILER-DAEMON Thu Jan  1 "), "{sender}");
    }
}

#[test]
fn messages_stand_one_behind_the_other_in_a_private_file_and_no_lock_is_left() {
    let (folder, mbox, _) = place();
    deliver(&mbox, b"A: b\n").unwrap();
    deliver(&mbox, b"A: b\n").unwrap();
    assert_eq!(text(&mbox), "From a@b\nA: b\n\n\nFrom a@b\nA: b\n\n\n");
    assert_eq!(fs::metadata(&mbox).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_torn_end_is_closed_and_an_empty_file_does_not_begin_with_an_empty_line() {
    for (before, closed) in [
        ("", ""),
        ("From x\nA: b\n\ntorn", "From x\nA: b\n\ntorn\n\n"),
        ("From x\nA: b\n\nline\n", "From x\nA: b\n\nline\n\n"),
        ("From x\nA: b\n\nline\n\n", "From x\nA: b\n\nline\n\n"),
        ("x", "x\n\n"),
        ("\n", "\n\n"),
    ] {
        let (_folder, mbox, _) = place();
        fs::write(&mbox, before).unwrap();
        deliver(&mbox, b"A: b\n").unwrap();
        assert_eq!(text(&mbox), format!("{closed}From a@b\nA: b\n\n\n"), "{before:?}");
    }
}

#[test]
fn what_is_not_finished_is_cut_off() {
    let (folder, mbox, lock) = place();
    fs::write(&mbox, "From x\nA: b\n\ntorn").unwrap();
    let mut delivery = begin(&mbox).unwrap();
    (0..9).for_each(|_| delivery.pass(&vec![b'x'; 60_000]).unwrap());
    assert!(fs::metadata(&mbox).unwrap().len() > 400_000 && lock.exists());
    drop(delivery);
    assert_eq!(fs::read_to_string(&mbox).unwrap(), "From x\nA: b\n\ntorn");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no lock is left");
}

#[test]
fn a_lock_that_stays_defers_and_one_that_goes_is_waited_for() {
    let (_folder, mbox, lock) = place();
    fs::write(&lock, "").unwrap();
    let said = deliver(&mbox, b"A: b\n").unwrap_err().0;
    assert!(said.starts_with("450 4.2.0 ") && said.ends_with(" is locked by another program"), "{said}");
    assert!(lock.exists() && !mbox.exists());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| deliver(&mbox, b"A: b\n"));
        fs::remove_file(&lock).unwrap();
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(text(&mbox), "From a@b\nA: b\n\n\n");
}

/// Opens the mbox and takes flock's lock, which holds between two open files of one process, as that of fcntl does not.
fn lock_by_flock(mbox: &Path) -> File {
    let other = File::options().create(true).append(true).open(mbox).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    other
}

#[test]
fn a_program_with_another_lock_is_respected_and_shut_out_by_no_dotlock_meanwhile() {
    let (_folder, mbox, lock) = place();
    let _other = lock_by_flock(&mbox);
    let (mut free, mut taken) = (0, 0);
    let said = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| deliver(&mbox, b"A: b\n"));
        while !waiting.is_finished() {
            let is_free = File::create_new(&lock).is_ok_and(|_| fs::remove_file(&lock).is_ok());
            *(if is_free { &mut free } else { &mut taken }) += 1;
        }
        waiting.join().unwrap().unwrap_err().0
    });
    assert!(said.ends_with(" is locked by another program"), "{said}");
    assert!(free > taken, "{free} times free, {taken} times taken");
    assert_eq!(fs::read(&mbox).unwrap(), b"");
}

#[test]
fn a_program_may_replace_the_file_while_it_holds_a_lock() {
    let (folder, mbox, _) = place();
    let other = lock_by_flock(&mbox);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| deliver(&mbox, b"A: b\n"));
        fs::write(folder.path().join("next"), "").unwrap();
        fs::rename(folder.path().join("next"), &mbox).unwrap();
        drop(other);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(text(&mbox), "From a@b\nA: b\n\n\n", "it is in the file that is there now");
}

#[test]
fn the_dotlock_of_a_killed_writer_is_taken_over_and_that_of_a_living_one_is_not() {
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    for (holder, is_taken_over) in [
        (format!("{}{OURS}", ended.id()), true),
        (format!("{}{OURS}", std::process::id()), false),
        (format!("{}\n", ended.id()), false),
        (String::new(), false),
    ] {
        let (_folder, mbox, lock) = place();
        fs::write(&lock, &holder).unwrap();
        assert_eq!(deliver(&mbox, b"A: b\n").is_ok(), is_taken_over, "{holder}");
        assert_eq!(lock.exists(), !is_taken_over, "{holder}");
    }
}

#[test]
fn an_old_dotlock_of_anybody_is_taken_over() {
    let (_folder, mbox, lock) = place();
    let file = File::create(&lock).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_mins(8)).unwrap();
    assert!(deliver(&mbox, b"A: b\n").is_err());
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(520)).unwrap();
    deliver(&mbox, b"A: b\n").unwrap();
}

#[test]
fn the_mbox_of_a_login_that_ends_like_a_lock_is_no_lock() {
    let (_folder, mbox, lock) = place();
    let mail = "From a@b Sun Nov 29 10:00:00 2026\nSubject: x\n\nits mail is longer than any lock\n\n";
    fs::write(&lock, mail).unwrap();
    File::options().write(true).open(&lock).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(deliver(&mbox, b"A: b\n").is_err());
    assert_eq!(fs::read_to_string(&lock).unwrap(), mail);
}

#[test]
fn what_is_no_file_defers_with_the_reason_and_blocks_nobody() {
    let (folder, mbox, lock) = place();
    mkfifoat(rustix::fs::CWD, &mbox, Mode::RWXU).unwrap();
    let said = deliver(&mbox, b"A: b\n").unwrap_err().0;
    assert!(said.starts_with("451 4.2.0 ") && said.ends_with(" is not a file"), "{said}");
    fs::remove_file(&mbox).unwrap();
    fs::create_dir(&mbox).unwrap();
    assert!(deliver(&mbox, b"A: b\n").unwrap_err().0.starts_with("451 4.2.0 cannot open "));
    fs::remove_dir(&mbox).unwrap();
    symlink("loop", folder.path().join("loop")).unwrap();
    symlink("loop", &mbox).unwrap();
    assert!(deliver(&mbox, b"A: b\n").unwrap_err().0.starts_with("451 4.2.0 cannot open "));
    assert!(!lock.exists());
    assert!(
        deliver(&folder.path().join("gone/her"), b"").unwrap_err().0.starts_with("451 4.2.0 cannot create a lock for ")
    );
}
