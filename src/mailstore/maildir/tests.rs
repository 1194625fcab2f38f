//! Unit tests of `maildir`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::mailbox::Mailbox;
use crate::{Format, Recipient};

use super::*;

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".profile"), "").unwrap();
    home
}

fn deliver(home: &Path, address: &str, id: Option<&str>, text: &[u8]) -> Result<(), Refusal> {
    let recipient = Recipient::parse(address).unwrap();
    let mailbox = Mailbox::new(Format::Maildir, home.join("Maildir"), Some(home.to_owned()));
    let mut delivery = mailbox.begin(&Envelope { sender: "a@b", id, size: 0, recipient: &recipient })?;
    text.split_inclusive(|octet| *octet == b'\n').try_for_each(|line| delivery.pass(line))?;
    delivery.finish()
}

/// The names in a folder below the home, sorted.
fn names(home: &Path, folder: &str) -> Vec<String> {
    let entries =
        fs::read_dir(home.join(folder)).map(|entries| entries.map(|e| e.unwrap().file_name().into_string().unwrap()));
    let mut names: Vec<String> = entries.unwrap().collect();
    names.sort();
    names
}

#[test]
fn a_message_is_one_private_file_in_new_and_nothing_is_left_in_tmp() {
    let home = home();
    deliver(home.path(), "her@h", Some("ID"), b"A: b\n\ntext").unwrap();
    assert_eq!(names(home.path(), "Maildir"), ["cur", "new", "tmp"]);
    let new = names(home.path(), "Maildir/new");
    let path = home.path().join("Maildir/new").join(&new[0]);
    assert_eq!((new.len(), fs::read(&path).unwrap()), (1, b"A: b\n\ntext\n".to_vec()));
    let seen = fs::metadata(&path).unwrap();
    assert_eq!((seen.permissions().mode() & 0o7777, seen.nlink()), (0o600, 1));
    for folder in ["Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"] {
        assert_eq!(fs::metadata(home.path().join(folder)).unwrap().mode() & 0o7777, 0o700, "{folder}");
    }
    assert!(names(home.path(), "Maildir/tmp").is_empty());
}

#[test]
fn names_promise_nothing_have_no_flags_and_no_leading_dot() {
    let home = home();
    for id in [Some("00060FF000000001-t"), None] {
        deliver(home.path(), "her@h", id, b"A: b\n").unwrap();
    }
    for name in names(home.path(), "Maildir/new") {
        assert!(!name.starts_with('.') && !name.contains([':', ',', '=', '/']), "{name}");
    }
}

#[test]
fn a_second_attempt_finds_the_first_in_new_and_in_cur_and_is_no_copy() {
    let home = home();
    let folders = |home: &Path| ["new", "cur", "tmp"].map(|name| names(home, &format!("Maildir/{name}")).len());
    for _ in 0..2 {
        deliver(home.path(), "her@h", Some("ID"), b"A: b\n\ntext\n").unwrap();
        assert_eq!(folders(home.path()), [1, 0, 0]);
    }
    let name = names(home.path(), "Maildir/new").remove(0);
    for read in [":2,S", ":2,", "", ":2,RST"] {
        let (new, cur) = (home.path().join("Maildir/new").join(&name), home.path().join("Maildir/cur"));
        fs::rename(&new, cur.join(format!("{name}{read}"))).unwrap();
        deliver(home.path(), "her@h", Some("ID"), b"A: b\n\ntext\n").unwrap();
        assert_eq!(folders(home.path()), [0, 1, 0], "{read}");
        fs::rename(cur.join(format!("{name}{read}")), &new).unwrap();
    }
}

#[test]
fn another_message_by_the_same_id_is_not_lost() {
    let home = home();
    let texts = |home: &Path| {
        let new = names(home, "Maildir/new").into_iter();
        let mut texts: Vec<String> =
            new.map(|name| fs::read_to_string(home.join("Maildir/new").join(name)).unwrap()).collect();
        texts.sort();
        texts
    };
    for text in ["A: b\n\none\n", "A: b\n\ntwo\n", "A: b\n\nthree\n"] {
        deliver(home.path(), "her@h", Some("ID"), text.as_bytes()).unwrap();
    }
    assert_eq!(texts(home.path()), ["A: b\n\none\n", "A: b\n\nthree\n", "A: b\n\ntwo\n"]);
}

#[test]
fn what_has_the_name_of_a_message_and_is_none_is_left_alone() {
    let home = home();
    deliver(home.path(), "her@h", Some("ID"), b"A: b\n").unwrap();
    let path = home.path().join("Maildir/new").join(names(home.path(), "Maildir/new").remove(0));
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/nowhere", &path).unwrap();
    deliver(home.path(), "her@h", Some("ID"), b"A: b\n").unwrap();
    fs::remove_file(&path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
    deliver(home.path(), "her@h", Some("ID"), b"A: b\n").unwrap();
    assert_eq!(names(home.path(), "Maildir/new").len(), 3);
}

#[test]
fn other_messages_and_other_addresses_of_one_user_are_copies_of_their_own() {
    let home = home();
    for (address, id) in
        [("her@h", "ID"), ("her@other", "ID"), ("her+Not/one@h", "ID"), ("her@h", "ID2"), ("her@h", "I")]
    {
        deliver(home.path(), address, Some(id), b"A: b\n").unwrap();
    }
    assert_eq!(names(home.path(), "Maildir/new").len(), 5);
    for _ in 0..2 {
        deliver(home.path(), "her@h", None, b"A: b\n").unwrap();
    }
    assert_eq!(names(home.path(), "Maildir/new").len(), 7);
}

#[test]
fn an_extension_is_a_subfolder_unless_that_makes_odd_trees() {
    for (extension, name) in [("Lists", ".lists"), ("lists.Rust-users_1", ".lists.rust-users_1")] {
        assert_eq!(subfolder(extension).as_deref(), Some(name));
    }
    for odd in ["", ".", ".c", "c.", "c..d", "inbox", "INBOX.x", "x.Inbox", "a/b", "..", "a+b", "\u{e9}", "a b", "&x"] {
        assert_eq!(subfolder(odd), None, "{odd}");
    }
    assert_eq!(subfolder(&"a".repeat(129)), None);
    let home = home();
    for address in ["her+Lists.Rust@h", "her+c..d@h", "her@h"] {
        deliver(home.path(), address, Some("ID"), b"A: b\n").unwrap();
    }
    assert_eq!(names(home.path(), "Maildir"), [".lists.rust", "cur", "new", "tmp"]);
    assert_eq!(names(home.path(), "Maildir/.lists.rust"), ["cur", "new", "tmp"]);
    assert_eq!(names(home.path(), "Maildir/.lists.rust/new").len(), 1);
    assert_eq!(names(home.path(), "Maildir/new").len(), 2, "the extension of the second is only in its name");
}

#[test]
fn a_home_that_is_not_there_or_is_empty_defers() {
    let empty = tempfile::tempdir().unwrap();
    let said = deliver(empty.path(), "her@h", None, b"").unwrap_err().0;
    assert!(said.starts_with("450 4.2.1 ") && said.ends_with(" is empty: is it mounted?"), "{said}");
    let said = deliver(&empty.path().join("gone"), "her@h", None, b"").unwrap_err().0;
    assert!(said.starts_with("450 4.2.1 ") && said.ends_with(" does not exist"), "{said}");
    assert!(names(empty.path(), "").is_empty(), "none is made");
}

#[test]
fn what_is_given_up_leaves_nothing() {
    let home = home();
    let recipient = Recipient::parse("her@h").unwrap();
    let mailbox = Mailbox::new(Format::Maildir, home.path().join("Maildir"), Some(home.path().to_owned()));
    let mut delivery = mailbox.begin(&Envelope { sender: "", id: None, size: 0, recipient: &recipient }).unwrap();
    (0..9).for_each(|_| delivery.pass(&vec![b'x'; 60_000]).unwrap());
    assert_eq!(names(home.path(), "Maildir/tmp").len(), 1);
    drop(delivery);
    assert!(names(home.path(), "Maildir/tmp").is_empty() && names(home.path(), "Maildir/new").is_empty());
}
