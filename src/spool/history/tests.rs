//! Unit tests of `spool::history`.

use super::*;

fn record(id: u64, finished: &str) -> Record {
    let finished: Timestamp = finished.parse().unwrap();
    Record {
        id: MessageId::new(id, 0),
        arrived: finished,
        finished,
        sender: "a@x.example".to_owned(),
        submitted_sender: None,
        submitter: Submitter::Local(1000),
        size: 3,
        token: None,
        crc32: None,
        message_id: "<1@x.example>".to_owned(),
        subject: None,
        sent_from: None,
        recipients: vec![Finished {
            address: "b@y.example".to_owned(),
            relay: "none".to_owned(),
            account: String::new(),
            status: Ended::Refused,
            dsn: "5.1.3".to_owned(),
            reply: "bad address syntax".to_owned(),
            sent_to: None,
        }],
    }
}

#[test]
fn records_are_lines_of_their_day_even_behind_a_torn_one() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let path = dir.path().join("history/2026-11-22.jsonl");
    append(&spool, &[record(1, "2026-11-22T23:59:59.5Z")]).unwrap();
    let mut torn = fs::read(&path).unwrap();
    let first: Record = serde_json::from_slice(&torn).unwrap();
    assert_eq!(first, record(1, "2026-11-22T23:59:59.5Z"));
    torn.extend_from_slice(b"{\"id\":");
    fs::write(&path, torn).unwrap();
    append(&spool, &[record(2, "2026-11-22T00:00:00Z"), record(3, "2026-11-23T00:00:00Z")]).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let good: Vec<Record> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(good.iter().map(|record| record.id.micros()).collect::<Vec<_>>(), [1, 2]);
    assert!(text.contains("\"finished\":\"2026-11-22T00:00:00.000000Z\""), "{text}");
}

#[test]
fn what_was_known_is_not_read_again_and_what_came_behind_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    append(&spool, &[record(1, "2026-11-22T12:00:00Z"), record(2, "2026-11-22T12:00:00Z")]).unwrap();
    let known = Extent::now(&spool).unwrap();
    let known: Extent = serde_json::from_slice(&serde_json::to_vec(&known).unwrap()).unwrap();
    append(&spool, &[record(3, "2026-11-22T12:00:01Z")]).unwrap();
    // A clock that was set back writes to an older day.
    append(&spool, &[record(4, "1970-01-01T00:00:00Z")]).unwrap();
    let found = |known: &Extent| {
        let mut ids: Vec<u64> =
            traces(&spool, known, |id| id.micros() != 2).unwrap().into_keys().map(|id| id.micros()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(found(&known), [3, 4]);
    assert_eq!(found(&Extent::default()), [1, 3, 4]);
    // Somebody removed it, and it was begun anew.
    fs::remove_file(dir.path().join("history/2026-11-22.jsonl")).unwrap();
    append(&spool, &[record(5, "2026-11-22T12:00:02Z")]).unwrap();
    assert_eq!(found(&known), [4, 5]);
    assert!(traces(&spool, &known, |_| true).unwrap().values().all(|trace| !trace.is_delivered));
}

#[test]
fn old_days_go_and_foreign_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    for day in ["2026-11-20", "2026-11-21", "2026-11-22"] {
        append(&spool, &[record(1, &format!("{day}T12:00:00Z"))]).unwrap();
    }
    fs::write(dir.path().join("history/notes.jsonl"), "mine").unwrap();
    prune(&spool, |_, end| end <= "2026-11-21T23:00:00Z".parse().unwrap()).unwrap();
    let mut names: Vec<_> = fs::read_dir(dir.path().join("history")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["2026-11-21.jsonl", "2026-11-22.jsonl", "notes.jsonl"]);
}
