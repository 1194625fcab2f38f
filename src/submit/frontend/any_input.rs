//! Property tests of the whole way in: whatever the input, an admitted message can be read back, and a refused one
//! leaves nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say so")]

use std::io::Read as _;
use std::time::{Duration, Instant};

use jiff::Zoned;
use proptest::prelude::*;

use super::collect::{Origin, Request, Sender, collect};
use super::input::LoneDot;
use super::recipients::RecipientsFrom;
use crate::mail::dsn::Dsn;
use crate::mail::header::Header;
use crate::spool::{self, Spool};
use crate::submit::admit::complete::tests::{caller, config};
use crate::submit::admit::store;

fn request(arguments: Vec<Vec<u8>>) -> Request {
    Request {
        sender: Sender::Login,
        full_name: None,
        recipients_from: RecipientsFrom::ArgumentsAndHeader,
        lone_dot: LoneDot::IsText,
        arguments,
        account: None,
        origin: Origin::Here,
        dsn: Dsn::default(),
    }
}

/// Admits and then checks the queue. Returns whether the message was stored.
fn admitted(request: Request, input: &[u8]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let begun = Instant::now();
    let result = collect(request, input).map(|mut collected| {
        let now = Zoned::now();
        store::admit(&mut collected, &config(), &spool, &caller(), &now)
    });
    assert!(begun.elapsed() < Duration::from_secs(20), "it takes too long");
    let ids = spool.ids().unwrap();
    let Ok(Ok(id)) = result else {
        assert_eq!(ids, [], "what is not admitted leaves nothing behind");
        return false;
    };
    assert_eq!(ids, std::slice::from_ref(&id));
    let stored = spool.open_message(&id).unwrap();
    stored.verify().unwrap();
    assert!(!stored.envelope.recipients.is_empty());
    let mut content = Vec::new();
    stored.content().unwrap().read_to_end(&mut content).unwrap();
    are_crlf_lines(&content);
    let eight_bit = if content.is_ascii() { spool::Body::SevenBit } else { spool::Body::EightBit };
    assert_eq!(stored.envelope.body, eight_bit);
    let header = &content[..memchr::memmem::find(&content, b"\r\n\r\n").map_or(content.len(), |end| end + 2)];
    if !content.starts_with(b"\r\n") {
        let read = Header::read(header);
        assert_eq!(read.to_bytes(), header);
        for name in ["Bcc", "Resent-Bcc", "Return-Path", "Content-Length"] {
            assert!(read.first(name).is_none(), "{name} is left");
        }
        assert!(read.first("From").is_some() || read.first("Resent-From").is_some());
    }
    true
}

/// Checks that CR and LF only occur together, and that the last line is complete.
fn are_crlf_lines(content: &[u8]) {
    for (at, byte) in content.iter().enumerate() {
        match byte {
            b'\r' => assert_eq!(content.get(at + 1), Some(&b'\n'), "a bare CR at {at}"),
            b'\n' => assert!(at > 0 && content[at - 1] == b'\r', "a bare LF at {at}"),
            _ => {}
        }
    }
    assert!(content.ends_with(b"\r\n"));
}

/// Bytes that consist mostly of header syntax, where bugs are likely.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::sample::select(
            &[
                "To:",
                "Cc: ",
                "BCC:",
                "Resent-To: ",
                "From: ",
                "From ",
                ">From ",
                "Date:",
                "\n",
                "\r\n",
                "\r",
                "\n\n",
                " ",
                "\t",
                ".",
                "\n.\n",
                "\0",
                "a@x",
                "<b@y>",
                "bob",
                ",",
                ";",
                ":",
                "\"",
                "(",
                ")",
                "<",
                ">",
                "\\",
                "@",
                "%",
                "!",
                "[",
                "]",
                "=?utf-8?q?=C3?=",
                "group: a@x;",
                "\u{e4}@\u{f6}.example",
            ][..]
        )
        .prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_input_and_any_arguments(
        input in bytes(),
        arguments in proptest::collection::vec(bytes(), 0..3),
        sender in proptest::option::of(bytes()),
        name in proptest::option::of(bytes()),
        dot in any::<bool>(),
    ) {
        let request = Request {
            sender: sender.map_or(Sender::Login, Sender::Given),
            full_name: name,
            lone_dot: if dot { LoneDot::EndsInput } else { LoneDot::IsText },
            ..request(arguments)
        };
        admitted(request, &input);
    }
}

#[test]
fn what_is_large_or_odd_is_stored_or_refused_as_a_whole() {
    let to = b"To: a@x\n";
    let mebi = 1 << 20;
    for (name, input, stored) in [
        ("a body line of 1 MiB", [&to[..], b"\n", &vec![b'x'; mebi]].concat(), true),
        ("a body of CRs", [&to[..], b"\n", &vec![b'\r'; mebi]].concat(), true),
        ("a body of NULs", [&to[..], b"\n", &vec![0; mebi]].concat(), true),
        ("a field of 64 KiB", [&to[..], b"X: ", &vec![b'x'; 64 << 10], b"\n\nbody"].concat(), true),
        ("a To field of 48 KiB", [b"To: ", "a@x, ".repeat(9_900).as_bytes(), b"\n\nbody"].concat(), true),
        (
            "10,000 recipients",
            {
                let all: Vec<String> = (0..10_000).map(|n| format!("user{n}@away.example")).collect();
                format!("To: {}\n\nbody", all.join(",\n ")).into_bytes()
            },
            true,
        ),
        ("recipients beyond the limit", [b"To: ", "a@x, ".repeat(10_001).as_bytes(), b"\n\nbody"].concat(), false),
        ("64 KiB of open brackets", [b"To: ", "<".repeat(64 << 10).as_bytes(), b"\n\n"].concat(), false),
        ("64 KiB of open comments", [b"To: a@x ", "(".repeat(64 << 10).as_bytes(), b"\n\n"].concat(), true),
        ("8-bit everywhere", [&to[..], b"Subject: \xff\xfe\n\xe4: x\n\n\xf6"].concat(), true),
        ("a header without an end", "X: y\n".repeat(mebi).into_bytes(), false),
        ("1 MiB of blank lines", [&to[..], &vec![b'\n'; mebi]].concat(), true),
    ] {
        assert_eq!(admitted(request(Vec::new()), &input), stored, "{name}");
    }
}
