//! Submissions as callers make them, and what admission makes of them.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::{ArrivalTables, Delivery, Limits, Queue, Rewriting, TableSource};
use crate::mail::address_class::AddressClass;
use crate::mail::dsn::Dsn;
use crate::submit::frontend::collect::{Collected, Origin, Request, collect};
use crate::submit::frontend::input::LoneDot;
use crate::submit::frontend::recipients::{RecipientsFrom, in_argument};
use crate::sys::user::Caller;
use proptest::prelude::*;

/// A config that answers every question.
pub fn config() -> Config {
    Config {
        own_domains: None,
        others: Vec::new(),
        path: PathBuf::from("/x/config.toml"),
        hostname: "homebox.home.lan".to_owned(),
        origin: "home.lan".to_owned(),
        default_account: None,
        postmaster: "root".to_owned(),
        operators: Vec::new(),
        on_stuck: Vec::new(),
        alarm: crate::config::alarm::Alarm::default(),
        metrics: crate::config::Metrics::default(),
        flood: crate::config::Flood::default(),
        on_stuck_after: std::time::Duration::from_hours(1),
        delivery: Delivery::Queue,
        spool: PathBuf::from("/x/spool"),
        received: false,
        log: None,
        syslog_name: "postrider".to_owned(),
        from_name: None,
        generic: Vec::new(),
        generic_classes: AddressClass::ALL.to_vec(),
        rewriting: Rewriting::default(),
        recipient_delimiter: String::new(),
        local: None,
        local_users: Vec::new(),
        accounts: Vec::new(),
        listeners: Vec::new(),
        clients: Vec::new(),
        queue: Queue {
            retry_min: Duration::from_mins(1),
            retry_max: Duration::from_hours(1),
            lifetime: Duration::from_hours(120),
            warn_after: Duration::from_hours(4),
            max_message_size: 50_000_000,
            min_free_space: 0,
            history: Duration::from_hours(24),
            bounce_size: 50_000,
            reports_per_hour: 20,
            idle_exit: None,
        },
        limits: crate::config::Limits::default(),
    }
}

/// Who calls.
pub fn caller() -> Caller {
    Caller { uid: 1000, login: "his".to_owned(), full_name: "His Name".to_owned(), home: None }
}

fn on<T>(config: &Config, act: impl FnOnce(AdmissionContext<'_>) -> T) -> T {
    let now: Zoned = "2026-11-22T13:20:55+01:00[+01:00]".parse().unwrap();
    let id = MessageId::new(1, 2);
    let tables = ArrivalTables::load(&config.rewriting);
    let arrival = Arrival { config, tables: &tables, include: crate::config::included };
    act(AdmissionContext { config, author: Author::User(&caller()), now: &now, id: &id, arrival })
}

/// As with -t.
pub fn collected(bytes: &[u8]) -> Collected<&[u8]> {
    let request = Request {
        sender: Sender::Login,
        full_name: None,
        recipients_from: RecipientsFrom::ArgumentsAndHeader,
        lone_dot: LoneDot::EndsInput,
        arguments: Vec::new(),
        account: None,
        origin: Origin::Here,
        dsn: Dsn::default(),
    };
    collect(request, bytes).unwrap()
}

fn recipients(argument: &str) -> Result<Vec<Recipient>, EnvelopeError> {
    on(&config(), |occasion| occasion.recipients(&in_argument(argument.as_bytes())))
}

fn header(config: &Config, given: &str, full_name: Option<&[u8]>, sender: &Sender) -> String {
    on(config, |occasion| {
        let sender = occasion.sender(sender).unwrap();
        let header = occasion.header(&Header::read(given.as_bytes()), full_name, &sender).unwrap();
        String::from_utf8(header).unwrap()
    })
}

#[test]
fn the_sender_is_the_first_address_behind_f_or_the_login() {
    for (asked, expected) in [
        (Sender::Login, Ok("his@home.lan")),
        (Sender::Given(b"a@x".to_vec()), Ok("a@x")),
        (Sender::Given(b"alice".to_vec()), Ok("alice@home.lan")),
        (Sender::Given(b"A B <a@x> (c)".to_vec()), Ok("a@x")),
        (Sender::Given(b"a@x, b@x".to_vec()), Ok("a@x")),
        (Sender::Given(Vec::new()), Ok("")),
        (Sender::Given(b"<>".to_vec()), Ok("")),
        (Sender::Given(b"a@".to_vec()), Err("a@")),
        (Sender::Given(b"\xff@x".to_vec()), Err("\u{fffd}@x")),
    ] {
        let sender = on(&config(), |occasion| occasion.sender(&asked)).map(|sender| sender.to_string());
        match (sender, expected) {
            (Ok(sender), Ok(expected)) => assert_eq!(sender, expected),
            (Err(EnvelopeError::BadSender { text, .. }), Err(expected)) => assert_eq!(text, expected),
            other => panic!("{asked:?}: {other:?}"),
        }
    }
}

#[test]
fn recipients_that_are_the_same_twice_over_stand_once() {
    let shown = |argument| -> Vec<String> {
        recipients(argument).unwrap().iter().map(|r| format!("{} as {}", r.address, r.given)).collect()
    };
    assert_eq!(shown("a@x, A@X, b"), ["a@x as a@x", "b@home.lan as b"]);
    assert_eq!(shown("a, a@home.lan, A"), ["a@home.lan as a", "a@home.lan as a@home.lan"]);
    assert_eq!(shown("<>"), ["MAILER-DAEMON@home.lan as MAILER-DAEMON"]);
}

#[test]
fn a_bad_recipient_is_kept_beside_a_good_one_and_refused_alone() {
    let both = recipients("a@192.0.2.1, b@x").unwrap();
    assert_eq!(both.len(), 2);
    assert!(both.iter().any(|recipient| matches!(recipient.address, Mailbox::Invalid(_))));
    for bad in ["-i", "a@", "a@192.0.2.1", "-f, a@"] {
        assert!(matches!(recipients(bad), Err(EnvelopeError::NoUsableRecipient(..))), "{bad}");
    }
    let none = on(&config(), |occasion| occasion.recipients(&[]));
    assert_eq!(none, Err(EnvelopeError::NoRecipients));
}

#[test]
fn aliases_expand_to_twice_the_limit_of_recipients_and_no_further() {
    let list = |count: usize| (0..count).map(|n| format!("u{n}@x")).collect::<Vec<_>>().join(", ");
    let with_list = |count| {
        let rows = vec![("all".to_owned(), list(count)), ("more".to_owned(), list(count))];
        let rewriting = Rewriting { virtuals: vec![TableSource::Inline(rows)], ..Rewriting::default() };
        Config { rewriting, limits: Limits { recipients: 10, ..Limits::default() }, ..config() }
    };
    let expanded = |count, to: &str| on(&with_list(count), |occasion| occasion.recipients(&in_argument(to.as_bytes())));
    assert_eq!(expanded(20, "all").map(|found| found.len()), Ok(20));
    assert_eq!(expanded(21, "all"), Err(EnvelopeError::Expansion(20)));
    // Doubles are work as well.
    assert_eq!(expanded(11, "all, more"), Err(EnvelopeError::Expansion(20)));
    let said = EnvelopeError::Expansion(20).to_string();
    assert!(said.contains("expand to more than 20 addresses") && said.contains("recipients in [limits]"), "{said}");
}

#[test]
fn what_is_missing_is_added_at_the_end_in_postfix_s_order() {
    let made = header(&config(), "To: a@x\r\nSubject: s\r\n", None, &Sender::Login);
    let lines: Vec<&str> = made.split("\r\n").collect();
    assert_eq!(lines[..2], ["To: a@x", "Subject: s"]);
    assert!(lines[2].starts_with("Message-Id: <") && lines[2].ends_with("@homebox.home.lan>"), "{made}");
    assert!(lines[3].starts_with("Date: Sun, 22 Nov 2026 13:20:55 +0100"), "{made}");
    assert_eq!(lines[4..], ["From: His Name <his@home.lan>", ""]);
}

#[test]
fn a_field_that_is_there_but_empty_is_not_missing() {
    let given = "From:\r\nDate:\r\nmessage-ID:\r\n";
    assert_eq!(header(&config(), given, None, &Sender::Login), given);
}

#[test]
fn a_resent_message_gets_resent_fields_only() {
    for mark in ["Resent-To: a@x\r\n", "Resent-Reply-To: a@x\r\n"] {
        let made = header(&config(), mark, None, &Sender::Login);
        let names: Vec<&str> = made.lines().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(names[1..], ["Resent-Message-Id", "Resent-Date", "Resent-From"], "{made}");
    }
}

#[test]
fn fields_that_betray_or_mislead_are_dropped() {
    let given = "BCC: a@x\r\n b@x\r\nResent-Bcc: c@x\r\nReturn-path: <d@x>\r\nContent-Length: 3\r\nLines: 4\r\n";
    let made = header(&config(), given, None, &Sender::Login);
    assert!(made.starts_with("Lines: 4\r\nResent-Message-Id:"), "{made}");
    assert!(!made.contains("@x"), "{made}");
}

#[test]
fn the_full_name_is_what_the_caller_says() {
    for (name, sender, from) in [
        (Some(&b"Other"[..]), Sender::Login, "From: Other <his@home.lan>\r\n"),
        (Some(b""), Sender::Login, "From: his@home.lan\r\n"),
        (Some(b" a\r\nb\t c\0 "), Sender::Login, "From: a b c <his@home.lan>\r\n"),
        (Some(b"J\xf6rg"), Sender::Login, "From: =?unknown-8bit?Q?J=F6rg?= <his@home.lan>\r\n"),
        (None, Sender::Given(b"x@y".to_vec()), "From: His Name <x@y>\r\n"),
        (None, Sender::Given(Vec::new()), "From: MAILER-DAEMON@home.lan\r\n"),
    ] {
        let made = header(&config(), "", name, &sender);
        assert!(made.ends_with(from), "{made}");
    }
}

#[test]
fn received_stands_on_top() {
    let config = Config { received: true, ..config() };
    let made = header(&config, "Received: older\r\n", None, &Sender::Login);
    assert!(
        made.starts_with("Received: by homebox.home.lan (postrider, from userid 1000)\r\n\tid 0000000000001002; Sun, "),
        "{made}"
    );
}

#[test]
fn ten_thousand_recipients_are_found_in_one_field() {
    let list: Vec<String> = (0..10_000).map(|number| format!("user{number}@x.example")).collect();
    let message = format!("To: {}\n", list.join(",\n "));
    let collected = collected(message.as_bytes());
    let found = on(&config(), |occasion| occasion.recipients(&collected.recipients)).unwrap();
    assert_eq!(found.len(), 10_000);
}

proptest! {
    #[test]
    fn any_input_has_a_header_of_crlf_lines_that_reads_back(
        bytes in proptest::collection::vec(
            prop_oneof![
                Just(b"To: a@x\n".to_vec()), Just(b"From : ".to_vec()), Just(b"\n".to_vec()), Just(b" ".to_vec()),
                Just(b"\r".to_vec()), Just(b"\0".to_vec()), Just(b".\n".to_vec()), Just(b"Bcc: \"".to_vec()),
                Just(b"<,:;>(@)".to_vec()), proptest::collection::vec(any::<u8>(), 0..6),
            ],
            0..20,
        ).prop_map(|parts| parts.concat()),
    ) {
        let mut collected = collected(&bytes);
        let made = on(&config(), |occasion| {
            let _ = occasion.recipients(&collected.recipients);
            occasion.header(&collected.header, None, &ReversePath::Null).unwrap()
        });
        prop_assert!(made.ends_with(b"\r\n"));
        prop_assert!(!made.contains(&0));
        let text = String::from_utf8_lossy(&made);
        prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        prop_assert!(!text.contains("\r\n\r\n") && !text.starts_with("\r\n"));
        let again = Header::read(&made);
        prop_assert_eq!(again.to_bytes(), made);
        prop_assert!(again.first("Bcc").is_none());
        while let Some(block) = collected.body.next_block().unwrap() {
            prop_assert!(!block.is_empty());
        }
    }
}
