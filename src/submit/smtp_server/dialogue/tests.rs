//! The dialogue against scripts, and against any bytes.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::mail::address::ReversePath;
use crate::spool::Body;
use crate::submit::smtp_server::auth::Proof;

type Arrived = Vec<(Envelope, Vec<u8>)>;

/// Accepts alice with "pw" and her messages; remembers what arrived.
#[derive(Clone, Default)]
struct House {
    arrived: Rc<RefCell<Arrived>>,
}

struct OutgoingMessage {
    house: House,
    envelope: Envelope,
    content: Vec<u8>,
}

impl Policy for House {
    type Message = OutgoingMessage;

    fn login(&mut self, _client: &Client, attempt: &Attempt) -> Result<(), Refusal> {
        let right = attempt.username == "alice"
            && matches!(&attempt.proof, Proof::Password(password) if password.expose() == "pw");
        if right { Ok(()) } else { Err(Refusal::new(535, "5.7.8", "no")) }
    }

    fn sender(&mut self, _client: &Client, sender: &ReversePath) -> Result<(), Refusal> {
        match sender.to_string().as_str() {
            "eve@x.example" => Err(Refusal::new(553, "5.7.1", "not you")),
            _ => Ok(()),
        }
    }

    fn recipient(&mut self, _client: &Client, _envelope: &Envelope, recipient: &Address) -> Result<(), Refusal> {
        if recipient.local() == "nobody" { Err(Refusal::new(550, "5.1.1", "nobody")) } else { Ok(()) }
    }

    fn begin(&mut self, _client: &Client, envelope: &Envelope) -> Result<OutgoingMessage, Refusal> {
        Ok(OutgoingMessage { house: self.clone(), envelope: envelope.clone(), content: Vec::new() })
    }
}

impl Message for OutgoingMessage {
    fn write(&mut self, content: &[u8]) -> Result<(), Refusal> {
        self.content.extend_from_slice(content);
        if self.content.ends_with(b"full\r\n") { Err(Refusal::new(452, "4.3.1", "full")) } else { Ok(()) }
    }

    fn finish(self) -> Result<String, Refusal> {
        self.house.arrived.borrow_mut().push((self.envelope, self.content));
        Ok("kept".to_owned())
    }
}

fn open(tls: TlsRule, login: LoginRule) -> (Dialogue<House>, House) {
    let house = House::default();
    let limits = Limits { line: 200, recipients: 2, size: 100, faults: 5, logins: 2 };
    let settings = Settings { hostname: "mx.example".to_owned(), tls, login, limits, clients: Clients::Network };
    (Dialogue::new(settings, house.clone()), house)
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
            Action::Read | Action::Verify => {}
            Action::Reply(reply) | Action::StartTls(reply) => replies.extend(reply),
            Action::Close(reply) => {
                replies.extend(reply);
                replies.extend(b"(closed)");
                break;
            }
        }
    }
    String::from_utf8(replies).unwrap()
}

/// Decides on a login, as the driver does.
fn decided(dialogue: &mut Dialogue<House>, action: Action) -> Action {
    match action {
        Action::Verify => dialogue.verify(),
        action => action,
    }
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
        ("ten bytes\r\n", "552 5.3.4 messages may have at most 100 bytes\r\n"),
        ("full\r\n", "452 4.3.1 full\r\n"),
        (".....\r\n.\r", "552 5.3.4 messages may have at most 100 bytes\r\n"),
    ] {
        let (mut dialogue, house) = pipe();
        say(&mut dialogue, start);
        dialogue.take(content.as_bytes());
        assert_eq!(endless(&mut dialogue, content.repeat(20_000).as_bytes()), reply);
        assert!(house.arrived.borrow().is_empty());
    }
}

/// Hands in the same again until the dialogue closes; what it says then.
fn endless(dialogue: &mut Dialogue<House>, piece: &[u8]) -> String {
    for _ in 0..100 {
        match dialogue.take(piece).action {
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
                Action::Verify => unreachable!("it was decided"),
                Action::Read => assert!(input.is_empty()),
                Action::Reply(reply) | Action::StartTls(reply) => said.extend(reply),
                Action::Close(reply) => {
                    said.extend(reply);
                    break 'pieces;
                }
            }
        }
    }
    let arrived = house.arrived.borrow().clone();
    (said, arrived)
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
        prop_assert_eq!(!run(&bytes, 7).1.is_empty(), has_end);
    }
}
