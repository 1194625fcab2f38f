//! Unit tests of `submit::admit::store`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::mail::address::ReversePath;
use crate::submit::admit::complete::tests::{caller, collected, config};
use crate::submit::admit::context::Author;

/// Admits with -t into a fresh spool; what is in the queue afterwards comes with it.
fn admitted(bytes: &[u8], adapt: impl FnOnce(&mut Config)) -> (Result<(Envelope, String), AdmitError>, Vec<MessageId>) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let mut config = config();
    adapt(&mut config);
    let now: Zoned = "2026-11-22T13:20:55+01:00[+01:00]".parse().unwrap();
    let result = admit(&mut collected(bytes), &config, &spool, &caller(), &now).map(|id| {
        let stored = spool.open_message(&id).unwrap();
        stored.verify().unwrap();
        let mut content = String::new();
        stored.content().unwrap().read_to_string(&mut content).unwrap();
        (stored.envelope, content)
    });
    (result, spool.ids().unwrap())
}

#[test]
fn what_is_admitted_is_in_the_queue_completed() {
    let (result, ids) =
        admitted(b"To: root\nBcc: b@x\nFrom: a@x\nDate: d\nMessage-ID: <m@x>\n\nbody \xc3\xa4\n", |_| {});
    let (envelope, content) = result.unwrap();
    assert_eq!(content, "To: root@home.lan\r\nFrom: a@x\r\nDate: d\r\nMessage-ID: <m@x>\r\n\r\nbody ä\r\n");
    assert_eq!(ids, [envelope.id]);
    assert_eq!(envelope.body, crate::spool::Body::EightBit);
    assert_eq!(envelope.size, content.len() as u64);
    assert_eq!(envelope.sender.to_string(), "his@home.lan");
    assert_eq!((envelope.submitter.uid(), envelope.submitted_sender, envelope.token.len()), (Some(1000), None, 32));
    let recipients: Vec<String> = envelope.recipients.iter().map(|r| format!("{} {}", r.given, r.address)).collect();
    assert_eq!(recipients, ["root root@home.lan", "b@x b@x"]);
    assert_ne!(envelope.sender, ReversePath::Null);
}

#[test]
fn a_taken_id_gives_way_to_the_next_one_in_every_place() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, config) = (Spool::open(dir.path()).unwrap(), config());
    let now: Zoned = "2026-11-22T13:20:55+01:00[+01:00]".parse().unwrap();
    let entry = Entry {
        config: &Config { received: true, ..config },
        spool: &spool,
        author: Author::User(&caller()),
        now: &now,
        tables: Tables::Fresh,
        reserve: Reserve::NONE,
    };
    let id = MessageId::new(1_795_000_000_000_000, 0xFFF);
    let body = "x".repeat(200_000);
    for token in ["one", "two", "three"] {
        let message = format!("To: a@x\n\n{token} {body}\n");
        let naming = MessageIds { id: id.clone(), token: token.to_owned() };
        admit_as(&mut collected(message.as_bytes()), naming, &entry).unwrap();
    }
    let again = MessageIds { id: id.next(), token: "two".to_owned() };
    let again = admit_as(&mut collected(b"To: a@x\n\ntwo\n"), again, &entry).unwrap_err();
    assert!(matches!(again, AdmitError::Spool(SpoolError::Exists(there)) if there == id.next()));
    let ids = spool.ids().unwrap();
    assert_eq!(ids, [id.clone(), id.next(), id.next().next()]);
    for (id, token) in ids.iter().zip(["one", "two", "three"]) {
        let stored = spool.open_message(id).unwrap();
        stored.verify().unwrap();
        let mut content = String::new();
        stored.content().unwrap().read_to_string(&mut content).unwrap();
        assert_eq!(
            (content.matches(id.as_str()).count(), stored.envelope.token.as_str()),
            (2, token),
            "{content:.500}"
        );
        assert!(content.contains(&format!("{token} xxx")));
    }
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let long = [&b"To: a@x\n\n"[..], &b"x".repeat(200_000)].concat();
    let (result, ids) = admitted(&long, |config| config.queue.max_message_size = 100_000);
    assert!(matches!(result, Err(AdmitError::TooBig(100_000))), "{result:?}");
    assert_eq!(ids, []);
    let (result, ids) = admitted(&long, |config| config.queue.min_free_space = u64::MAX);
    assert!(matches!(result, Err(AdmitError::NoRoom { .. })), "{result:?}");
    assert_eq!(ids, []);
    let (result, ids) = admitted(b"To:\n\n", |_| {});
    assert!(matches!(result, Err(AdmitError::Envelope(EnvelopeError::NoRecipients))), "{result:?}");
    assert_eq!(ids, []);
}
