//! Tests of the listings against Postfix's layouts, and of showing a message.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::config::Config;
use crate::control::loaded::Loaded;
use crate::mail::address::{Mailbox, ReversePath};
use crate::mail::outcome::{DsnSender, Enhanced, Outcome, SentAs, Status};
use crate::mail::submitter::Submitter;
use crate::spool::journal::Journal;
use crate::spool::journal_line::Line;
use crate::spool::writer::Incoming;
use crate::spool::{Body, Envelope, Kind, MessageId, Recipient, Spool};

fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    (dir, spool)
}

fn config() -> Config {
    let text = "[account.isp]\nrelay = \"mail.isp.example\"\nusername = \"me\"\npassword = \"x\"\n";
    crate::config::read::read(Path::new("/x/config.toml"), text).unwrap()
}

/// The queue of this spool.
fn access(spool: &Spool) -> QueueAccess {
    QueueAccess::Spool(Arc::new(Loaded::new(config(), spool.clone())))
}

fn put(spool: &Spool, number: u64, sender: &str, recipients: &[&str], octets: usize) -> MessageId {
    let recipient = |given: &&str| Recipient {
        address: Mailbox::read(given),
        given: (*given).to_owned(),
        notify: None,
        orcpt: None,
        refused: None,
    };
    let sender = if sender.is_empty() { "\"\"".to_owned() } else { format!("{sender:?}") };
    let envelope = Envelope {
        v: 1,
        id: MessageId::new(1_795_000_000_000_000 + number, 0),
        arrived: "2026-11-02T13:20:55.5Z".parse().unwrap(),
        submitter: Submitter::Local(1000),
        token: String::new(),
        sender: serde_json::from_str::<ReversePath>(&sender).unwrap(),
        submitted_sender: None,
        recipients: recipients.iter().map(recipient).collect(),
        to: None,
        ret: None,
        envid: None,
        body: Body::SevenBit,
        kind: Kind::Mail,
        about: None,
        account: None,
        reports: Vec::new(),
        size: 0,
        crc32: 0,
    };
    let mut incoming = Incoming::begin(spool, envelope).unwrap();
    let mut content = b"Subject: \x1b[31mred\r\nX: y\r\n\r\n".to_vec();
    content.resize(octets, b'x');
    incoming.write(&content).unwrap();
    incoming.commit().unwrap()
}

fn deferred(recipient: usize, code: Option<u16>, reply: &str) -> Line {
    let enhanced = Enhanced { class: 4, subject: 2, detail: 0 };
    let relay = "mx[192.0.2.1]:587".to_owned();
    Line::Outcome {
        recipient,
        outcome: Outcome {
            status: Status::Deferred,
            code,
            enhanced,
            reply: reply.to_owned(),
            relay,
            dsn_sender: DsnSender::Us,
            cure: None,
            sent_as: SentAs::default(),
        },
    }
}

fn note(spool: &Spool, id: &MessageId, recipients: usize, lines: &[Line]) {
    let at = "2026-11-02T13:21:00Z".parse().unwrap();
    Journal::open(spool, id, recipients).unwrap().append(at, lines).unwrap();
}

fn listed(spool: &Spool, format: Format) -> String {
    let mut out = Vec::new();
    list(&access(spool), Selection::default(), format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn local_time() -> String {
    let at: Timestamp = "2026-11-02T13:20:55Z".parse().unwrap();
    at.to_zoned(TimeZone::system()).strftime("%a %b %e %H:%M:%S").to_string()
}

fn attempt() -> Line {
    Line::Attempt { number: 1, account: "isp".to_owned(), relay: "mx[192.0.2.1]:587".to_owned() }
}

#[test]
fn the_layout_is_postfixs_with_long_ids() {
    let (_dir, spool) = spool();
    let first = put(&spool, 1, "a@x.example", &["b@y.example", "c@y.example", "d@y.example", "e@y.example"], 1500);
    note(&spool, &first, 4, &[attempt(), deferred(0, Some(450), "4.2.0 later"), deferred(1, Some(450), "4.2.0 later")]);
    note(&spool, &first, 4, &[deferred(2, None, "the server did not answer in time")]);
    let second = put(&spool, 2, "", &["b@y.example"], 600);
    note(&spool, &second, 1, &[Line::Hold]);
    let time = local_time();
    assert_eq!(time.len(), 19);
    let blank = " ".repeat(47);
    let expected = format!(
        "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n\
         {first}      1500 {time} a@x.example\n\
         {}(host mx[192.0.2.1]:587 said: 450 4.2.0 later)\n\
         {blank}b@y.example\n\
         {blank}c@y.example\n\
         {}(the server did not answer in time)\n\
         {blank}d@y.example\n\
         {}(reason unavailable)\n\
         {blank}e@y.example\n\
         \n\
         {second}!      600 {time} MAILER-DAEMON\n\
         {blank}b@y.example\n\
         \n\
         \t\tTotal requests: 2\n\
         -- 2 Kbytes in 2 Requests.\n",
        " ".repeat(32),
        " ".repeat(43),
        " ".repeat(58),
    );
    assert_eq!(listed(&spool, Format::Mailq), expected);
}

#[test]
fn one_request_is_no_plural_and_none_is_an_empty_queue() {
    let (_dir, spool) = spool();
    assert_eq!(listed(&spool, Format::Mailq), "Mail queue is empty\n");
    assert_eq!(listed(&spool, Format::Json), "");
    put(&spool, 1, "a@x.example", &["b@y.example"], 100);
    assert!(listed(&spool, Format::Mailq).ends_with("\n\n\t\tTotal requests: 1\n-- 0 Kbytes in 1 Request.\n"));
    let mut out = Vec::new();
    list(&QueueAccess::Empty(Box::new(config())), Selection::default(), Format::Mailq, &mut out).unwrap();
    assert_eq!(out, b"Mail queue is empty\n");
}

#[test]
fn finished_messages_and_delivered_recipients_are_not_listed() {
    let (_dir, spool) = spool();
    let done = put(&spool, 1, "a@x.example", &["b@y.example"], 100);
    note(&spool, &done, 1, &[Line::Done]);
    let partly = put(&spool, 2, "a@x.example", &["b@y.example", "c@y.example"], 100);
    let enhanced = Enhanced { class: 2, subject: 0, detail: 0 };
    let outcome = Outcome {
        status: Status::Delivered,
        code: Some(250),
        enhanced,
        reply: "ok".into(),
        relay: "r".into(),
        dsn_sender: DsnSender::Us,
        cure: None,
        sent_as: SentAs::default(),
    };
    note(&spool, &partly, 2, &[Line::Outcome { recipient: 0, outcome }]);
    let text = listed(&spool, Format::Mailq);
    assert!(text.contains("c@y.example") && !text.contains("b@y.example") && !text.contains(done.as_str()), "{text}");
}

#[test]
fn json_has_postqueues_members_and_ours() {
    let (_dir, spool) = spool();
    let id = put(&spool, 1, "a@x.example", &["b@y.example"], 1500);
    let next = Line::Next("2026-11-02T13:30:00Z".parse().unwrap());
    note(&spool, &id, 1, &[attempt(), deferred(0, Some(450), "4.2.0 later"), next]);
    let expected = format!(
        "{{\"queue_name\":\"deferred\",\"queue_id\":\"{id}\",\"arrival_time\":1793625655,\"message_size\":1500,\
         \"forced_expire\":false,\"sender\":\"a@x.example\",\"recipients\":[{{\"address\":\"b@y.example\",\
         \"delay_reason\":\"host mx[192.0.2.1]:587 said: 450 4.2.0 later\"}}],\"account\":\"isp\",\"attempts\":1,\
         \"next_attempt\":\"2026-11-02T13:30:00.000000Z\",\
         \"trouble\":\"host mx[192.0.2.1]:587 said: 450 4.2.0 later\",\"subject\":\"?[31mred\",\"uid\":1000}}\n"
    );
    assert_eq!(listed(&spool, Format::Json), expected);
}

#[test]
fn a_damaged_message_is_told_and_hides_no_other() {
    let (dir, spool) = spool();
    let id = put(&spool, 1, "a@x.example", &["b@y.example"], 100);
    std::fs::write(dir.path().join("queue").join(MessageId::new(5, 0).as_str()), "{}").unwrap();
    let mut out = Vec::new();
    let error = list(&access(&spool), Selection::default(), Format::Mailq, &mut out).unwrap_err();
    assert_eq!((error.exit().code(), error.to_string().contains("cannot show 1 message")), (65, true));
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(id.as_str()) && text.ends_with("in 1 Request.\n"), "{text}");
}

#[test]
fn a_message_is_shown_without_its_body_and_without_commands_to_the_terminal() {
    let (_dir, spool) = spool();
    let id = put(&spool, 1, "a@x.example", &["b@y.example", "not an address"], 1000);
    note(&spool, &id, 2, &[attempt(), deferred(0, Some(450), "4.2.0 later\u{1b}[2J"), Line::Hold]);
    let mut out = Vec::new();
    show(&access(&spool), (id.clone(), Place::Anywhere), Part::Header, Format::Text, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    for part in [
        "Sender:     a@x.example\n",
        "State:      held until released\n",
        "  b@y.example: deferred: host mx[192.0.2.1]:587 said: 450 4.2.0 later?[2J\n",
        "  not an address: not yet tried\n",
        "attempt 1, account isp, relay mx[192.0.2.1]:587\n",
        "Header:\n  Subject: ?[31mred\n  X: y\nBody: 973 bytes\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains("xxx"));
    let mut out = Vec::new();
    show(&access(&spool), (id.clone(), Place::Anywhere), Part::Header, Format::Json, &mut out).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&value["queue_name"], &value["body_octets"]), (&"hold".into(), &973.into()));
    assert_eq!((&value["outcomes"][0]["code"], &value["envelope"]["v"]), (&450.into(), &1.into()));
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let gone = QueueError::from(io::Error::from(io::ErrorKind::BrokenPipe));
    assert!(quiet(Err(gone)).is_ok());
    assert!(quiet(Err(QueueError::NoId("x".to_owned()))).is_err());
}
