//! The dialogue against scripts, and against any bytes.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::mail::address::ReversePath;
use crate::spool::Body;
use crate::submit::smtp_server::auth::Proof;

type Kept = (Envelope, Vec<u8>);
type Arrived = Vec<Kept>;

/// Accepts alice with "pw" and her messages; remembers what arrived.
#[derive(Clone, Default)]
struct House {
    arrived: Rc<RefCell<Arrived>>,
    open: Rc<RefCell<Option<Kept>>>,
}

impl Policy for House {
    fn sender(&mut self, _client: &Client, sender: &ReversePath) -> Result<(), Refusal> {
        match sender.to_string().as_str() {
            "eve@x.example" => Err(Refusal::new(553, "5.7.1", "not you")),
            _ => Ok(()),
        }
    }

    fn recipient(&mut self, _client: &Client, _envelope: &Envelope, recipient: &Address) -> Result<(), Refusal> {
        if recipient.local() == "nobody" { Err(Refusal::new(550, "5.1.1", "nobody")) } else { Ok(()) }
    }
}

/// Does what is handed out, as the driver does, until there is something to say.
fn decided(dialogue: &mut Dialogue<House>, mut action: Action) -> Action {
    loop {
        let Question { policy: house, envelope, attempt, .. } = dialogue.question();
        let house = house.clone();
        action = match action {
            Action::Verify => {
                let is_right = attempt.is_some_and(|attempt| {
                    attempt.username == "alice"
                        && matches!(&attempt.proof, Proof::Password(password) if password.expose() == "pw")
                });
                let verdict = if is_right { Ok(()) } else { Err(Refusal::new(535, "5.7.8", "no")) };
                dialogue.decided(Decision { verdict, pause: Duration::from_secs(u64::from(!is_right)) })
            }
            Action::Begin => {
                let envelope = envelope.unwrap().clone();
                let is_full = envelope.recipients.iter().any(|to| to.local() == "full");
                *house.open.borrow_mut() = Some((envelope, Vec::new()));
                dialogue.began(if is_full { Err(Refusal::new(452, "4.3.1", "full")) } else { Ok(()) })
            }
            Action::Content(content) => {
                let mut open = house.open.borrow_mut();
                let kept = &mut open.as_mut().unwrap().1;
                kept.extend(content);
                let is_full = kept.ends_with(b"full\r\n");
                dialogue.received(if is_full { Err(Refusal::new(452, "4.3.1", "full")) } else { Ok(()) })
            }
            Action::Store => {
                let message = house.open.borrow_mut().take().unwrap();
                house.arrived.borrow_mut().push(message);
                dialogue.stored(Ok("kept".to_owned()))
            }
            Action::Pause(time) => {
                assert_eq!(time, Duration::from_secs(1), "only a wrong login waits");
                dialogue.resumed()
            }
            said => return said,
        };
    }
}

fn open(tls: TlsRule, login: LoginRule) -> (Dialogue<House>, House) {
    let house = House::default();
    let limits = Limits { line: 200, recipients: 2, size: 100, faults: 5, logins: 2 };
    let (hostname, line_ends) = ("mx.example".to_owned(), LineEnds::Normalized);
    let settings = Settings { hostname, tls, login, limits, clients: Clients::Network, line_ends };
    (Dialogue::new(settings, house.clone()), house)
}

fn strict() -> (Dialogue<House>, House) {
    let (mut dialogue, house) = pipe();
    dialogue.settings.line_ends = LineEnds::Strict;
    (dialogue, house)
}

fn pipe() -> (Dialogue<House>, House) {
    open(TlsRule::Absent, LoginRule::Absent)
}

/// Hands all input in, as the driver does; the replies, joined.
fn say(dialogue: &mut Dialogue<House>, input: &str) -> String {
    let (mut input, mut replies) = (input.as_bytes(), Vec::new());
    while !input.is_empty() {
        let taken = dialogue.take(input);
        input = &input[taken.used..];
        match decided(dialogue, taken.action) {
            Action::Reply(reply) | Action::StartTls(reply) => replies.extend(reply),
            Action::Close(reply) => {
                replies.extend(reply);
                replies.extend(b"(closed)");
                break;
            }
            _ => {}
        }
    }
    String::from_utf8(replies).unwrap()
}

/// The codes of the replies' last lines.
fn codes(replies: &str) -> Vec<&str> {
    replies.lines().filter(|line| line.as_bytes().get(3) == Some(&b' ')).map(|line| &line[..3]).collect()
}

#[test]
fn a_message_comes_through_byte_for_byte() {
    let (mut dialogue, house) = pipe();
    let script = "EHLO me\r\nMAIL FROM:<a@x.example> BODY=8BITMIME\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<nobody@y.example>\r\n\
                  DATA\r\nSubject: ü\r\n\r\n..dot\r\n.\r\nNOOP\r\nQUIT\r\n";
    assert_eq!(codes(&say(&mut dialogue, script)), ["250", "250", "250", "550", "354", "250", "250", "221"]);
    let arrived = house.arrived.borrow();
    let (envelope, content) = &arrived[0];
    assert_eq!(envelope.sender.to_string(), "a@x.example");
    assert_eq!(envelope.recipients.len(), 1);
    assert_eq!(envelope.body, Body::EightBit);
    assert_eq!(content, "Subject: ü\r\n\r\n.dot\r\n".as_bytes());
}

#[test]
fn nothing_personal_before_tls_and_no_password_either() {
    let (mut dialogue, _) = open(TlsRule::Starttls, LoginRule::Required(Offered::passwords()));
    let hello = say(&mut dialogue, "EHLO me\r\n");
    assert!(hello.contains("STARTTLS") && !hello.contains("AUTH"));
    assert_eq!(codes(&say(&mut dialogue, "AUTH PLAIN AGFsaWNlAHB3\r\nMAIL FROM:<>\r\n")), ["538", "530"]);
    assert!(matches!(dialogue.take(b"STARTTLS\r\n").action, Action::StartTls(_)));
    dialogue.secured("TLSv1.3", None);
    assert_eq!(codes(&say(&mut dialogue, "MAIL FROM:<>\r\n")), ["503"]);
    let hello = say(&mut dialogue, "EHLO me\r\n");
    assert!(!hello.contains("STARTTLS") && hello.contains("AUTH PLAIN LOGIN"));
    assert_eq!(codes(&say(&mut dialogue, "MAIL FROM:<>\r\n")), ["530"]);
    assert_eq!(codes(&say(&mut dialogue, "AUTH PLAIN AGFsaWNlAHB3\r\nMAIL FROM:<>\r\n")), ["235", "250"]);
}

#[test]
fn cleartext_behind_starttls_ends_the_connection() {
    let (mut dialogue, _) = open(TlsRule::Starttls, LoginRule::Required(Offered::passwords()));
    let replies = say(&mut dialogue, "EHLO me\r\nSTARTTLS\r\nRSET\r\n");
    assert!(replies.ends_with("closing\r\n(closed)"), "{replies}");
    assert_eq!(codes(&replies), ["250", "554"]);
}

#[test]
fn login_in_three_lines_and_not_for_ever() {
    let (mut dialogue, _) = open(TlsRule::Starttls, LoginRule::Required(Offered::passwords()));
    dialogue.secured("TLSv1.3", None);
    let replies = say(&mut dialogue, "EHLO me\r\nAUTH LOGIN\r\nYWxpY2U=\r\nYmFk\r\nAUTH LOGIN YWxpY2U=\r\ncHc=\r\n");
    assert_eq!(codes(&replies), ["250", "334", "334", "535", "334", "235"]);
    let (mut dialogue, _) = open(TlsRule::Starttls, LoginRule::Required(Offered::passwords()));
    dialogue.secured("TLSv1.3", None);
    let replies = say(&mut dialogue, "EHLO me\r\nAUTH PLAIN AGEAYg==\r\nAUTH PLAIN AGEAYg==\r\nNOOP\r\n");
    assert_eq!(codes(&replies), ["250", "535", "421"]);
}

#[test]
fn tls_that_is_not_required_and_a_login_that_is_not() {
    let offered = Offered { in_the_clear: vec![Mechanism::Plain], ..Offered::passwords() };
    let (mut dialogue, _) = open(TlsRule::Optional, LoginRule::Possible(offered));
    let hello = say(&mut dialogue, "EHLO me\r\n");
    assert!(
        hello.contains("STARTTLS") && hello.contains("AUTH PLAIN\r\n") && hello.contains("AUTH=PLAIN\r\n"),
        "{hello}"
    );
    assert_eq!(codes(&say(&mut dialogue, "MAIL FROM:<>\r\nRSET\r\n")), ["250", "250"]);
    assert_eq!(codes(&say(&mut dialogue, "AUTH LOGIN\r\nAUTH PLAIN AGFsaWNlAHB3\r\n")), ["504", "235"]);
}

#[test]
fn commands_out_of_order_are_told_so() {
    let (mut dialogue, house) = pipe();
    assert_eq!(
        codes(&say(&mut dialogue, "MAIL FROM:<>\r\nEHLO me\r\nRCPT TO:<b@y.example>\r\n")),
        ["503", "250", "503"]
    );
    assert_eq!(codes(&say(&mut dialogue, "MAIL FROM:<>\r\nDATA\r\nRSET\r\nVRFY x\r\n")), ["250", "554", "250", "252"]);
    assert!(house.arrived.borrow().is_empty());
}

#[test]
fn limits_hold() {
    let (mut dialogue, house) = pipe();
    let long = format!("EHLO {}\r\nEHLO me\r\nMAIL FROM:<> SIZE=101\r\nMAIL FROM:<eve@x.example>\r\n", "x".repeat(300));
    assert_eq!(codes(&say(&mut dialogue, &long)), ["500", "250", "552", "553"]);
    let recipients = "MAIL FROM:<>\r\nRCPT TO:<a@y.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<c@y.example>\r\n";
    assert_eq!(codes(&say(&mut dialogue, recipients)), ["250", "250", "250", "452"]);
    let big = format!("DATA\r\n{}\r\n.\r\n", "y".repeat(101));
    assert_eq!(codes(&say(&mut dialogue, &big)), ["354", "552"]);
    let full = "MAIL FROM:<>\r\nRCPT TO:<a@y.example>\r\nDATA\r\nfull\r\n.\r\nNOOP\r\n";
    assert_eq!(codes(&say(&mut dialogue, full)), ["250", "250", "354", "452", "250"]);
    assert!(house.arrived.borrow().is_empty());
    assert!(say(&mut dialogue, &"WHAT\r\n".repeat(9)).ends_with("(closed)"));
}

#[test]
fn a_line_or_a_message_without_an_end_is_not_read_for_ever() {
    let (mut dialogue, _) = pipe();
    assert_eq!(endless(&mut dialogue, &vec![b'x'; 64 * 1024]), "421 4.7.0 a line without an end; closing\r\n");
    let start = "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@y.example>\r\nDATA\r\n";
    for (content, reply) in [
        ("ten bytes\r\n", "552 5.3.4 messages may have at most 100 bytes; see max_message_size\r\n"),
        ("full\r\n", "452 4.3.1 full\r\n"),
        (".....\r\n", "552 5.3.4 messages may have at most 100 bytes; see max_message_size\r\n"),
        (".\ra", "554 5.6.0 the message has a CR without LF; end lines with CR LF\r\n"),
    ] {
        let (mut dialogue, house) = pipe();
        say(&mut dialogue, start);
        let action = dialogue.take(content.as_bytes()).action;
        decided(&mut dialogue, action);
        assert_eq!(endless(&mut dialogue, content.repeat(20_000).as_bytes()), reply);
        assert!(house.arrived.borrow().is_empty());
    }
}

/// Hands in the same again until the dialogue closes; what it says then.
fn endless(dialogue: &mut Dialogue<House>, piece: &[u8]) -> String {
    for _ in 0..100 {
        let action = dialogue.take(piece).action;
        match decided(dialogue, action) {
            Action::Close(reply) => return String::from_utf8(reply).unwrap(),
            action => assert_eq!(action, Action::Read),
        }
    }
    panic!("it goes on reading");
}

#[test]
fn a_connection_that_breaks_in_the_content_leaves_nothing() {
    let (mut dialogue, house) = pipe();
    say(&mut dialogue, "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@y.example>\r\nDATA\r\nhalf\r\n.");
    drop(dialogue);
    assert!(house.arrived.borrow().is_empty());
}

/// Opens a transaction.
const OPEN: &str = "EHLO me\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n";

#[test]
fn chunks_make_a_message_byte_for_byte() {
    let (mut dialogue, house) = pipe();
    let script = format!("{OPEN}BDAT 9\r\na: b\r\n\r\n.BDAT 3\r\n\r\n.BDAT 0 LAST\r\nNOOP\r\n");
    let replies = say(&mut dialogue, &script);
    assert_eq!(codes(&replies), ["250", "250", "250", "250", "250", "250", "250"]);
    assert!(
        replies.contains("250 2.0.0 9 octets received\r\n250 2.0.0 12 octets received\r\n250 2.0.0 kept"),
        "{replies}"
    );
    assert_eq!(house.arrived.borrow()[0].1, b"a: b\r\n\r\n.\r\n.");
    assert_eq!(
        codes(&say(&mut dialogue, "BDAT 4 LAST\r\nQUITNOOP\r\n")),
        ["503", "250"],
        "what a chunk has is no command"
    );
}

#[test]
fn chunks_that_are_refused_are_read_to_their_end() {
    for (script, expected) in [
        ("BDAT 5\r\na\nb\r\nBDAT 4 LAST\r\nquit", &["554", "503"][..]),
        ("BDAT 4 LAST\r\na\rb\n", &["554"]),
        ("BDAT 3 LAST\r\nab\r", &["554"]),
        ("BDAT 101 LAST\r\n", &[]),
        ("RCPT TO:<full@y.example>\r\nRSET\r\n", &["250", "250"]),
        ("RCPT TO:<full@y.example>\r\nBDAT 4\r\nquitBDAT 0 LAST\r\n", &["250", "452", "503"]),
        ("BDAT 2\r\nabDATA\r\n", &["250", "503"]),
        ("BDAT 2\r\nabRCPT TO:<c@y.example>\r\n", &["250", "503"]),
        ("BDAT 2\r\nabRSET\r\nBDAT 1 LAST\r\nx", &["250", "250", "503"]),
        ("BDAT 2\r\nabMAIL FROM:<a@x.example>\r\n", &["250", "503"]),
    ] {
        let (mut dialogue, house) = pipe();
        say(&mut dialogue, OPEN);
        assert_eq!(codes(&say(&mut dialogue, script)), expected, "{script:?}");
        assert!(house.arrived.borrow().is_empty(), "{script:?}");
    }
    let (mut dialogue, _) = pipe();
    let big = format!("{OPEN}BDAT 101 LAST\r\n{}NOOP\r\n", "y".repeat(101));
    assert_eq!(codes(&say(&mut dialogue, &big)), ["250", "250", "250", "552", "250"]);
    for unclear in [
        "BDAT\r\n",
        "BDAT x\r\n",
        "BDAT -1\r\n",
        "BDAT 1 FIRST\r\n",
        "BDAT 1 LAST 2\r\n",
        "BDAT 99999999999999999999\r\n",
    ] {
        let (mut dialogue, _) = pipe();
        let replies = say(&mut dialogue, &format!("{OPEN}{unclear}"));
        assert!(
            replies.contains("501 5.5.4 syntax: BDAT octets [LAST]; closing") && replies.ends_with("(closed)"),
            "{replies}"
        );
    }
    let (mut dialogue, _) = pipe();
    say(&mut dialogue, &format!("{OPEN}BDAT 18446744073709551615\r\n"));
    assert_eq!(
        endless(&mut dialogue, &vec![b'x'; 64 * 1024]),
        "552 5.3.4 messages may have at most 100 bytes; see max_message_size\r\n"
    );
}

#[test]
fn line_ends_that_programs_disagree_about_end_nothing() {
    let ends = ["a\n.\n", "a\n.\r\n", "a\r\n.\n"];
    for end in ends {
        let (mut dialogue, house) = pipe();
        assert_eq!(codes(&say(&mut dialogue, &format!("{OPEN}DATA\r\n{end}"))), ["250", "250", "250", "354"]);
        assert!(dialogue.seems_ended(), "{end:?}");
        assert_eq!(dialogue.stage(), "DATA");
        assert_eq!(codes(&say(&mut dialogue, "b\r\n.\r\n")), ["250"], "{end:?}");
        assert_eq!(house.arrived.borrow().len(), 1);
        let (mut dialogue, house) = strict();
        let replies = say(&mut dialogue, &format!("{OPEN}DATA\r\n{end}b\r\n.\r\nNOOP\r\n"));
        assert_eq!(codes(&replies), ["250", "250", "250", "354", "554", "250"]);
        assert!(
            replies.contains("554 5.6.0 the message has an LF without CR; end lines with CR LF, or remove line_ends"),
            "{replies}"
        );
        assert!(house.arrived.borrow().is_empty());
    }
    for content in ["a\rb\r\n", "a\r.\r\n", "a\r\r\n"] {
        let (mut dialogue, house) = pipe();
        let replies = say(&mut dialogue, &format!("{OPEN}DATA\r\n{content}.\r\n"));
        assert!(
            replies.ends_with("554 5.6.0 the message has a CR without LF; end lines with CR LF\r\n"),
            "{content:?}: {replies}"
        );
        assert!(house.arrived.borrow().is_empty());
    }
}

#[test]
fn addresses_that_are_not_ascii_need_a_word() {
    let (mut dialogue, house) = pipe();
    let script = "EHLO me\r\nMAIL FROM:<ü@x.example>\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<ü@y.example>\r\nRSET\r\n\
                  MAIL FROM:<ü@x.example> SMTPUTF8\r\nRCPT TO:<ü@y.example>\r\nDATA\r\n.\r\n";
    let replies = say(&mut dialogue, script);
    assert!(replies.contains("250-SMTPUTF8\r\n250-CHUNKING\r\n"), "{replies}");
    assert_eq!(codes(&replies), ["250", "553", "250", "553", "250", "250", "250", "354", "250"]);
    assert!(house.arrived.borrow()[0].0.utf8);
    assert_eq!(codes(&say(&mut dialogue, "MAIL FROM:<a@x.example> SMTPUTF8=yes\r\n")), ["555"]);
}

/// Lines that lead deep into the dialogue, and noise.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let known = proptest::sample::select(vec![
        "EHLO me\r\n",
        "MAIL FROM:<a@x.example>\r\n",
        "RCPT TO:<b@y.example>\r\n",
        "DATA\r\n",
        "AUTH LOGIN\r\n",
        "AUTH PLAIN\r\n",
        "STARTTLS\r\n",
        "YQ==\r\n",
        ".\r\n",
        "RSET\r\n",
        "MAIL FROM:<\"",
        "BDAT 7\r\nline\r\n.",
        "BDAT 3 LAST\r\n.\r\n",
        "BDAT 0 LAST\r\n",
        "\r\n",
    ]);
    let piece = prop_oneof![
        4 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..300),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Feeds in pieces of one size; everything that was said.
fn run(bytes: &[u8], piece: usize) -> (Vec<u8>, Arrived) {
    let (mut dialogue, house) = pipe();
    let mut said = Vec::new();
    'pieces: for mut input in bytes.chunks(piece) {
        while !input.is_empty() {
            let taken = dialogue.take(input);
            assert!(taken.used > 0 && taken.used <= input.len());
            input = &input[taken.used..];
            match decided(&mut dialogue, taken.action) {
                Action::Read => {}
                Action::Reply(reply) | Action::StartTls(reply) => said.extend(reply),
                Action::Close(reply) => {
                    said.extend(reply);
                    break 'pieces;
                }
                handed_out => unreachable!("{handed_out:?} was done"),
            }
        }
    }
    let arrived = house.arrived.borrow().clone();
    (said, arrived)
}

#[test]
fn of_two_refusals_the_one_that_comes_first_is_told_however_the_octets_are_cut() {
    let message = |before: usize, behind: usize| {
        let body = ["a".repeat(before).as_str(), "\rx", &"a".repeat(behind), "\r\n.\r\n"].concat();
        format!("EHLO me\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n{body}").into_bytes()
    };
    for (before, behind, code) in [(10, 100, "554"), (100, 10, "552"), (98, 10, "554"), (99, 10, "554")] {
        let whole = run(&message(before, behind), usize::MAX).0;
        assert_eq!(codes(&String::from_utf8(whole.clone()).unwrap()).last(), Some(&code), "{before} {behind}");
        for piece in [1, 2, 3, 50, 97] {
            assert_eq!(run(&message(before, behind), piece).0, whole, "{before} {behind} in pieces of {piece}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_pieces_do_not_matter(bytes in noise(), piece in 1_usize..50) {
        let whole = run(&bytes, bytes.len().max(1));
        prop_assert_eq!(run(&bytes, piece), whole);
    }

    #[test]
    fn every_reply_is_a_line_with_a_code(bytes in noise()) {
        let (said, _) = run(&bytes, 64);
        let said = String::from_utf8(said).unwrap();
        for reply in said.split_terminator("\r\n") {
            prop_assert!(reply.len() >= 4 && reply[..3].bytes().all(|b| b.is_ascii_digit()), "{:?}", reply);
            prop_assert!(!reply.contains(['\r', '\n']));
        }
    }

    #[test]
    fn only_a_final_dot_makes_a_message(body in proptest::collection::vec(any::<u8>(), 0..80)) {
        let has_end = body.starts_with(b".\r\n") || body.windows(5).any(|w| w == b"\r\n.\r\n");
        let mut bytes = b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n".to_vec();
        bytes.extend_from_slice(&body);
        let content = body.split(|byte| *byte == b'\r').skip(1);
        let has_bare_cr = content.clone().any(|rest| !rest.starts_with(b"\n"));
        let is_kept = !run(&bytes, 7).1.is_empty();
        prop_assert!(!is_kept || has_end);
        prop_assert!(is_kept || !has_end || has_bare_cr);
    }
}
