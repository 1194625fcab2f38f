//! Text tables as Postfix reads them (compared with postmap 3.7), bad rows, refresh.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::text::{RowProblem, Rows, fold};
use super::*;

fn value(rows: &Rows, key: &str) -> Option<Result<String, RowProblem>> {
    rows.find(&fold(key)).map(|found| found.value)
}

fn good(rows: &Rows, key: &str) -> Option<String> {
    value(rows, key).and_then(Result::ok)
}

/// Writes a table that looks old enough to be read.
fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    age(path, 10);
}

fn age(path: &Path, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
}

#[test]
fn a_static_table_has_one_answer_for_all() {
    let set = TableSet::load("generic", &[TableSource::Static("me@isp.example".to_owned())]);
    let hit = set.lookup("His@home.lan", Span::Whole).unwrap().unwrap();
    assert_eq!((hit.value.as_str(), hit.place.as_str()), ("me@isp.example", "generic (static)"));
}

#[test]
fn rows_are_read_as_postmap_reads_them() {
    let rows = Rows::new(
        b"\xef\xbb\xbf# generic\n\n   # indented comment\nHis@Home.lan\this@isp.example  \n\
          a@x  one\n two  \n# between\n\n  three\nA@X second\n\"q r\"@x v1\r\n\"b\\\"c d\"@x v3\n@x catch # all\nz@x last"
            .to_vec(),
    );
    for (key, expected) in [
        ("his@home.lan", Some("his@isp.example")),
        ("HIS@HOME.LAN", Some("his@isp.example")),
        ("a@x", Some("one two    three")),
        ("q r@x", Some("v1")),
        ("\"q r\"@x", Some("v1")),
        ("b\"c d@x", Some("v3")),
        ("@x", Some("catch # all")),
        ("z@x", Some("last")),
        ("# generic", None),
        ("z", None),
        ("", None),
    ] {
        assert_eq!(good(&rows, key).as_deref(), expected, "{key}");
    }
    assert_eq!(rows.find("z@x").map(|found| found.line), Some(14));
    assert_eq!(rows.problems().count(), 0);
}

#[test]
fn keys_beyond_ascii_are_folded_as_well() {
    let rows = Rows::new("JÖRG@x j@y\nstraße@x s@y\nοδος@x o@y\n".as_bytes().to_vec());
    for (key, value) in [("jörg@X", "j@y"), ("STRASSE@x", "s@y"), ("Οδοσ@x", "o@y"), ("ΟΔΟΣ@x", "o@y")] {
        assert_eq!(good(&rows, key).as_deref(), Some(value), "{key}");
    }
}

#[test]
fn a_bad_row_is_an_answer_to_its_own_key_only() {
    let rows = Rows::new(
        b"  lead val\ngood@x v\nnovalue\n\"open v2\nkey: val\nlat\xe9 v\nk2 va\xe9l\nnovalue later\n".to_vec(),
    );
    for (key, problem) in [
        ("lead", RowProblem::StrayContinuation),
        ("novalue", RowProblem::NoValue),
        ("open", RowProblem::OpenQuote),
        ("key", RowProblem::AliasFormat),
        ("k2", RowProblem::NotUtf8),
    ] {
        assert_eq!(value(&rows, key), Some(Err(problem)), "{key}");
    }
    assert_eq!(good(&rows, "good@x").as_deref(), Some("v"));
    assert_eq!(value(&rows, "other"), None);
    assert_eq!(rows.problems().map(|(line, _)| line).collect::<Vec<_>>(), [1, 3, 4, 5, 6, 7]);
}

#[test]
fn sources_are_asked_in_order_and_say_where_the_answer_stands() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generic");
    write(&path, "a@x from-file\nb@x from-file\n");
    let inline = TableSource::Inline(vec![("A@x".to_owned(), "from-config".to_owned())]);
    let set = TableSet::load("generic", &[inline, TableSource::Text(path.clone())]);
    let hit = |key| set.lookup(key, Span::Whole).unwrap().map(|hit| (hit.value, hit.place));
    assert_eq!(hit("a@X"), Some(("from-config".to_owned(), "generic (inline)".to_owned())));
    assert_eq!(hit("b@x"), Some(("from-file".to_owned(), format!("{}:2", path.display()))));
    assert_eq!(hit("c@x"), None);
    assert_eq!(set.faults(), []);
}

#[test]
fn a_table_that_is_not_there_is_never_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generic");
    let inline = TableSource::Inline(vec![("a@x".to_owned(), "v".to_owned())]);
    let mut set = TableSet::load("generic", &[inline, TableSource::Text(path.clone())]);
    assert!(set.lookup("a@x", Span::Whole).unwrap().is_some(), "an earlier table answers without it");
    let fault = set.lookup("b@x", Span::Whole).unwrap_err().to_string();
    assert!(fault.contains(&path.display().to_string()) && fault.contains("create it"), "{fault}");
    assert_eq!(set.faults().len(), 1);
    write(&path, "");
    set.refresh();
    assert_eq!(set.lookup("b@x", Span::Whole), Ok(None));
}

#[test]
fn bad_rows_name_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generic");
    write(&path, "# x\nnovalue\na@x v\n");
    let set = TableSet::load("generic", &[TableSource::Text(path.clone())]);
    let fault = set.lookup("novalue", Span::Whole).unwrap_err().to_string();
    assert!(fault.starts_with(&format!("{}:2: ", path.display())), "{fault}");
    assert_eq!(set.faults().len(), 1);
    assert!(set.lookup("a@x", Span::Whole).unwrap().is_some());
}

#[test]
fn a_changed_file_is_picked_up_once_it_has_settled() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generic");
    write(&path, "a@x old\n");
    let mut set = TableSet::load("generic", &[TableSource::Text(path.clone())]);
    let answer = |set: &TableSet| set.lookup("a@x", Span::Whole).unwrap().map(|hit| hit.value);
    fs::write(&path, "a@x ne").unwrap();
    set.refresh();
    assert_eq!(answer(&set).as_deref(), Some("old"), "half written");
    write(&path, "a@x new\n");
    set.refresh();
    assert_eq!(answer(&set).as_deref(), Some("new"));
    // A moment's absence is an editor at work.
    fs::remove_file(&path).unwrap();
    set.refresh();
    assert_eq!(answer(&set).as_deref(), Some("new"));
    std::thread::sleep(Duration::from_millis(2_100));
    set.refresh();
    assert!(set.lookup("a@x", Span::Whole).is_err(), "gone");
}

#[test]
fn a_database_in_place_of_the_source_is_told_and_the_last_good_version_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generic");
    write(&path, "a@x v\n");
    let mut set = TableSet::load("generic", &[TableSource::Text(path.clone())]);
    write(&path, "a@x\0v\n");
    set.refresh();
    set.refresh();
    assert!(set.lookup("a@x", Span::Whole).unwrap().is_some());
    assert!(set.faults()[0].to_string().contains("postmap"));
    let never_good = TableSet::load("generic", &[TableSource::Text(path)]);
    assert!(never_good.lookup("b@x", Span::Whole).is_err());
    let folder = TableSet::load("generic", &[TableSource::Text(dir.path().to_owned())]);
    assert!(folder.lookup("b@x", Span::Whole).is_err());
}

#[test]
fn a_fresh_file_is_waited_for_when_it_is_first_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generic");
    write(&path, "a@x v\n");
    age(&path, 1);
    let set = TableSet::load("generic", &[TableSource::Text(path)]);
    assert!(set.lookup("a@x", Span::Whole).unwrap().is_some());
}

#[test]
fn aliases_have_a_colon_and_may_be_quoted() {
    let rows = Rows::aliases(b"# x\nRoot: me,\n  \"a b\"@x\n\"x: y\": z\n\"q\\\"r\" : s\nnone\nempty:\n".to_vec());
    assert_eq!(good(&rows, "root").as_deref(), Some("me,  \"a b\"@x"));
    assert_eq!(good(&rows, "x: y").as_deref(), Some("z"));
    assert_eq!(good(&rows, "q\"r").as_deref(), Some("s"));
    assert_eq!(value(&rows, "none"), Some(Err(RowProblem::NoColon)));
    assert_eq!(value(&rows, "empty"), Some(Err(RowProblem::NoValue)));
}

#[test]
fn pattern_tables_see_whole_keys_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("generic.pcre");
    write(&path, "/^(.*)@home/ $1@isp\n");
    let inline = TableSource::Inline(vec![("@home.lan".to_owned(), "rest@isp".to_owned())]);
    let set = TableSet::load("generic", &[TableSource::Pattern(Dialect::Pcre, path.clone()), inline]);
    let hit = |key, span| set.lookup(key, span).unwrap().map(|hit| (hit.value, hit.place));
    assert_eq!(hit("His@home.lan", Span::Whole), Some(("His@isp".to_owned(), format!("{}:1", path.display()))));
    assert_eq!(hit("@home.lan", Span::Part).map(|hit| hit.0).as_deref(), Some("rest@isp"));
}

proptest! {
    #[test]
    fn any_bytes_are_a_table(bytes in proptest::collection::vec(any::<u8>(), 0..400), key in ".{0,8}") {
        let rows = Rows::new(bytes);
        let _ = rows.find(&fold(&key));
        let _ = rows.problems().count();
    }

    #[test]
    fn any_rows_are_a_table(
        text in proptest::collection::vec("[ \\t#\"\\\\:a-cÄé@\\r]{0,6}\\n?", 0..40),
        key in "[ \"\\\\:a-cÄ@]{0,4}",
    ) {
        let rows = Rows::new(text.concat().into_bytes());
        if let Some(found) = rows.find(&fold(&key)) {
            prop_assert!(found.line >= 1);
        }
        for (line, _) in rows.problems() {
            prop_assert!(line >= 1);
        }
    }

    #[test]
    fn every_row_that_is_written_is_found(
        keys in proptest::collection::btree_set("[a-z0-9.+]{1,12}@[a-z.]{1,12}", 0..60),
    ) {
        let lines: Vec<_> = keys.iter().map(|key| format!("{} value-of-{key}\n", key.to_uppercase())).collect();
        let rows = Rows::new(lines.concat().into_bytes());
        for key in &keys {
            prop_assert_eq!(good(&rows, key), Some(format!("value-of-{key}")));
        }
    }
}
