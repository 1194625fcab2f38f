//! Tests of message files, written by `store` and read here: round trips, the growing
//! pad, torn and altered files, bytes from anywhere.

use std::fs;
use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::mail::address::Mailbox;
use crate::mail::submitter::ClientName;
use crate::spool::queue::Spool;
use crate::spool::writer::Incoming;

const CONTENT: &[u8] = b"Subject: t\r\n\r\nbody\r\n";

fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(&dir.path().join("spool")).unwrap();
    (dir, spool)
}

fn recipient(number: usize) -> Recipient {
    let given = format!("someone.{number}@recipients.example");
    Recipient { address: Mailbox::read(&given), given, notify: None, orcpt: None, refused: None }
}

fn envelope(recipients: usize) -> Envelope {
    Envelope {
        v: 1,
        id: MessageId::new(1_795_000_000_000_000, 7),
        arrived: "2026-11-22T13:20:55.000001Z".parse().unwrap(),
        submitter: Submitter::Local(1000),
        token: "0123456789abcdef".to_owned(),
        sender: ReversePath::Null,
        submitted_sender: None,
        recipients: (0..recipients).map(recipient).collect(),
        to: None,
        ret: None,
        envid: None,
        body: Body::EightBit,
        kind: Kind::Mail,
        about: None,
        account: None,
        reports: Vec::new(),
        size: 999,
        crc32: 999,
    }
}

fn store(spool: &Spool, envelope: Envelope, content: &[u8]) -> Result<MessageId, SpoolError> {
    let mut incoming = Incoming::begin(spool, envelope)?;
    for piece in content.chunks(50_000) {
        incoming.write(piece)?;
    }
    assert_eq!(incoming.size(), content.len() as u64);
    incoming.commit()
}

fn content(stored: &Stored) -> Vec<u8> {
    let mut content = Vec::new();
    stored.content().unwrap().read_to_end(&mut content).unwrap();
    content
}

fn round_trip(envelope: Envelope, bytes: &[u8]) -> u64 {
    let (_dir, spool) = spool();
    let id = store(&spool, envelope.clone(), bytes).unwrap();
    let stored = spool.open_message(&id).unwrap();
    let body = if bytes.is_ascii() { Body::SevenBit } else { Body::EightBit };
    let expected = Envelope { size: bytes.len() as u64, crc32: crc32fast::hash(bytes), body, ..envelope };
    assert_eq!(stored.envelope, expected);
    assert_eq!(content(&stored), bytes);
    assert_eq!(content(&stored), bytes, "a second reader begins anew");
    stored.verify().unwrap();
    stored.content_at
}

#[test]
fn what_is_stored_is_read_whatever_its_size() {
    let large: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for content in [&b""[..], CONTENT, &large[..65_535], &large[..65_536], &large[..130_000], &large] {
        assert_eq!(round_trip(envelope(1), content), 1024);
    }
}

#[test]
fn the_pad_doubles_until_the_envelope_fits() {
    let mut pads = Vec::new();
    for recipients in [1, 10, 100, 2000, 10_000] {
        pads.push(round_trip(envelope(recipients), CONTENT));
    }
    assert_eq!(pads, [1024, 2048, 16_384, 262_144, 1_048_576]);
    let mut tight = envelope(1);
    let room = 1024 - Envelope { size: u64::MAX, crc32: u32::MAX, ..tight.clone() }.json().unwrap().len() - 1;
    tight.token.push_str(&"x".repeat(room));
    assert_eq!(round_trip(tight.clone(), CONTENT), 1024);
    tight.token.push('x');
    assert_eq!(round_trip(tight, CONTENT), 2048);
}

#[test]
fn an_envelope_beyond_all_bounds_is_refused_before_anything_is_written() {
    let (_dir, spool) = spool();
    let refused = Incoming::begin(&spool, envelope(200_000)).unwrap_err();
    assert!(matches!(refused, SpoolError::EnvelopeTooLong { .. }), "{refused}");
}

#[test]
fn the_file_is_as_formats_says() {
    let (_dir, spool) = spool();
    let id = store(&spool, envelope(1), CONTENT).unwrap();
    let file = fs::read(spool.message_path(&id)).unwrap();
    assert_eq!(&file[1024..], CONTENT);
    let line = std::str::from_utf8(&file[..1024]).unwrap();
    let start = r#"{"v":1,"id":"6608B015F3000007","arrived":"2026-11-22T13:20:55.000001Z","uid":1000,"token":"#;
    let end = format!(r#""body":"7bit","kind":"mail","size":20,"crc32":{}}}"#, crc32fast::hash(CONTENT));
    assert!(line.starts_with(start), "{line}");
    assert!(line.trim_end().ends_with(&end), "{line}");
    assert!(line.ends_with(" \n"));
}

#[test]
fn a_clients_message_names_the_client_and_has_version_2() {
    let (_dir, spool) = spool();
    let scanner = Submitter::Client(ClientName::parse("scanner").unwrap());
    let id = store(&spool, Envelope { submitter: scanner.clone(), ..envelope(1) }, CONTENT).unwrap();
    assert_eq!(spool.open_message(&id).unwrap().envelope.submitter, scanner);
    let file = fs::read(spool.message_path(&id)).unwrap();
    let line = std::str::from_utf8(&file[..1024]).unwrap();
    assert!(line.starts_with(r#"{"v":2,"#) && line.contains(r#","client":"scanner","token":"#), "{line}");
    assert!(!line.contains("uid"), "{line}");
    for (from, to, says) in [
        ("\"v\":2", "\"v\":1", "has no clients"),
        ("\"client\"", "\"uid\":1,\"client\"", "client"),
        ("\"client\":\"scanner\",", "", "submitter"),
        ("scanner", "../etc", "begins with"),
    ] {
        let changed = line.replacen(from, to, 1);
        match Envelope::read(changed.as_bytes(), &id) {
            Err(NoEnvelope::Damaged(what)) => assert!(what.to_lowercase().contains(says), "{what}"),
            other => panic!("{changed}: {other:?}"),
        }
    }
}

#[test]
fn a_taken_id_is_told_apart_and_the_first_message_stays() {
    let (_dir, spool) = spool();
    let id = store(&spool, envelope(1), CONTENT).unwrap();
    let refused = store(&spool, envelope(2), b"other").unwrap_err();
    assert!(matches!(refused, SpoolError::Exists(taken) if taken == id));
    assert_eq!(content(&spool.open_message(&id).unwrap()), CONTENT);
    assert_eq!(fs::read_dir(spool.dir().join("queue")).unwrap().count(), 1);
}

#[test]
fn a_message_that_is_not_committed_leaves_nothing() {
    let (_dir, spool) = spool();
    let mut incoming = Incoming::begin(&spool, envelope(1)).unwrap();
    incoming.write(&vec![b'x'; 200_000]).unwrap();
    drop(incoming);
    assert_eq!(fs::read_dir(spool.dir().join("queue")).unwrap().count(), 0);
}

#[test]
fn a_file_cut_at_any_byte_is_damaged_and_so_is_a_longer_one() {
    let (_dir, spool) = spool();
    let id = store(&spool, envelope(1), CONTENT).unwrap();
    let path = spool.message_path(&id);
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(spool.open_message(&id), Err(SpoolError::Damaged { .. })), "{cut}");
    }
    fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    assert!(matches!(spool.open_message(&id), Err(SpoolError::Damaged { .. })));
}

#[test]
fn altered_content_is_found_by_verify_and_lost_content_by_its_reader() {
    let (_dir, spool) = spool();
    let id = store(&spool, envelope(1), CONTENT).unwrap();
    let path = spool.message_path(&id);
    let mut file = fs::read(&path).unwrap();
    let last = file.len() - 1;
    file[last] ^= 1;
    fs::write(&path, &file).unwrap();
    let stored = spool.open_message(&id).unwrap();
    assert!(matches!(stored.verify(), Err(SpoolError::Damaged { .. })));
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1030).unwrap();
    let mut rest = Vec::new();
    let error = stored.content().unwrap().read_to_end(&mut rest).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert!(matches!(stored.verify(), Err(SpoolError::Damaged { .. })));
}

#[test]
fn what_a_newer_version_stored_is_refused_in_so_many_words() {
    let id = envelope(1).id;
    let reads = |text: &str| match Envelope::read(text.as_bytes(), &id).unwrap_err() {
        NoEnvelope::Newer(what) => format!("newer: {what}"),
        NoEnvelope::Damaged(what) => what,
    };
    let json = String::from_utf8(envelope(1).json().unwrap()).unwrap();
    assert!(reads(&json.replace("\"v\":1", "\"v\":3")).starts_with("newer: its envelope has version 3"));
    assert!(reads(&json.replace("\"uid\"", "\"raw\":true,\"uid\"")).contains("raw"));
    assert!(reads(&json.replace("0007\",\"arrived", "0008\",\"arrived")).contains("that of message"));
    assert!(reads("{}").contains("not an envelope"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[{}\":,a-z0-9 ]{0,200}\n.*") {
        let id = envelope(1).id;
        for bytes in [&bytes[..], text.as_bytes()] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            prop_assert!(Stored::open(file, PathBuf::from("m"), &id).is_err());
        }
    }

    #[test]
    fn an_altered_envelope_never_panics(at in 0..400_usize, byte in any::<u8>()) {
        let mut line = envelope(1).line(1024).unwrap();
        line[at] = byte;
        let _ = Envelope::read(&line, &envelope(1).id);
    }
}
