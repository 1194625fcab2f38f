//! The dialogue of a listener against inputs that nobody thought of: lines of SMTP put together, cut and changed at random, for as
//! long as `POSTRIDER_FUZZ_SECONDS` says (2). An input that brings replies in an order that none brought before is kept and varied
//! further. The seed and the number of executions are printed; `POSTRIDER_FUZZ_SEED` repeats a run.
//!
//! Each input is given to two dialogues, as a whole and in pieces. Both must say the same, in replies that are well-formed, and
//! nothing may be stored that no client with a login had a right to.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use postrider::config::Mechanism;
use postrider::mail::address::{Address, ReversePath};
use postrider::submit::smtp_server::dialogue::{
    Attempt, Client, Clients, Decision, Dialogue, Envelope, Limits, LineEnds, LoginRule, Message, Offered, Policy,
    Refusal, Service, Settings, TlsRule,
};
use postrider::submit::smtp_server::policy::Proof;
use postrider::submit::smtp_server::serve::{Conversation, End};
use support::random::{Random, number_from, seed};

const SIZE: u64 = 2000;

/// What was stored, in order.
type Stored = Rc<RefCell<Vec<(Envelope, Vec<u8>)>>>;

/// Lets `laptop` in, and what it may send.
struct House(Stored);

struct Incoming {
    stored: Stored,
    envelope: Envelope,
    content: Vec<u8>,
}

impl Policy for House {
    fn sender(&mut self, client: &Client, _sender: &ReversePath) -> Result<(), Refusal> {
        assert!(client.login.is_some() && client.tls.is_some(), "MAIL without a login: {client:?}");
        Ok(())
    }

    fn recipient(&mut self, client: &Client, _envelope: &Envelope, to: &Address) -> Result<(), Refusal> {
        assert!(client.login.is_some());
        if to.local() == "nobody" { Err(Refusal::new(550, "5.1.1", "nobody")) } else { Ok(()) }
    }
}

impl Service for House {
    type Message = Incoming;

    fn login(&mut self, client: &Client, attempt: &Attempt) -> Decision {
        assert!(client.tls.is_some(), "a login without TLS: {attempt:?}");
        let is_right = attempt.username == "laptop"
            && matches!(&attempt.proof, Proof::Password(password) if password.expose() == "pencil");
        Decision::at_once(if is_right { Ok(()) } else { Err(Refusal::new(535, "5.7.8", "wrong")) })
    }

    fn begin(&mut self, client: &Client, envelope: &Envelope) -> Result<Incoming, Refusal> {
        assert!(client.login.is_some() && !envelope.recipients.is_empty());
        Ok(Incoming { stored: Rc::clone(&self.0), envelope: envelope.clone(), content: Vec::new() })
    }
}

impl Message for Incoming {
    fn write(&mut self, content: &[u8]) -> Result<(), Refusal> {
        self.content.extend_from_slice(content);
        Ok(())
    }

    fn finish(self) -> Result<String, Refusal> {
        assert!(self.content.len() as u64 <= SIZE, "{} octets", self.content.len());
        assert!(self.envelope.recipients.iter().all(|to| to.local() != "nobody"));
        self.stored.borrow_mut().push((self.envelope, self.content));
        Ok("stored".to_owned())
    }
}

/// What a dialogue made of an input.
#[derive(Debug, PartialEq)]
struct Outcome {
    replies: Vec<u8>,
    stored: Vec<(Envelope, Vec<u8>)>,
}

/// Hands the input in pieces of these sizes, in turn. TLS begins where it is asked for, and what was sent together with STARTTLS is
/// lost, as on a socket.
fn held(tls: TlsRule, line_ends: LineEnds, input: &[u8], sizes: &[usize]) -> Outcome {
    let stored = Stored::default();
    let offered =
        Offered { secured: vec![Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login], in_the_clear: Vec::new() };
    let settings = Settings {
        hostname: "box.home.lan".to_owned(),
        tls,
        login: LoginRule::Required(offered),
        clients: Clients::Network,
        line_ends,
        limits: Limits { line: 300, recipients: 3, size: SIZE, faults: 20, logins: 3 },
    };
    let mut dialogue = Dialogue::new(settings, House(Rc::clone(&stored)));
    if tls == TlsRule::Absent {
        dialogue.secured("TLSv1.3", None);
    }
    let mut conversation = Conversation::new(dialogue);
    let (mut replies, mut rest, mut sizes) = (Vec::new(), input, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = (*sizes.next().unwrap()).clamp(1, rest.len());
        let (piece, behind) = rest.split_at(size);
        rest = behind;
        let answer = conversation.answer(piece, |_| {});
        replies.extend_from_slice(&answer.replies);
        match answer.end {
            Some(End::Closed) => break,
            Some(End::StartTls) => {
                // Where the handshake begins differs with the pieces; whatever follows is another session.
                replies.extend_from_slice(b"(handshake)");
                conversation.dialogue.secured("TLSv1.3", None);
                break;
            }
            None => {}
        }
    }
    let stored = stored.borrow().clone();
    Outcome { replies, stored }
}

/// The codes of the replies; each line must be one that RFC 5321 section 4.2 allows.
fn codes(replies: &[u8]) -> Vec<[u8; 3]> {
    let text = String::from_utf8(replies.to_vec()).expect("replies are ASCII");
    let text = text.strip_suffix("(handshake)").unwrap_or(&text);
    let mut codes = Vec::new();
    for line in text.split_inclusive("\r\n") {
        assert!(line.ends_with("\r\n") && line.len() <= 512, "{line:?}");
        let line = &line[..line.len() - 2];
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
        let code: [u8; 3] = line.as_bytes()[..3].try_into().unwrap();
        assert!((b'2'..=b'5').contains(&code[0]) && code.iter().all(u8::is_ascii_digit), "{line:?}");
        match line.as_bytes().get(3) {
            Some(b' ') | None => codes.push(code),
            Some(b'-') => {}
            Some(_) => panic!("{line:?}"),
        }
    }
    codes
}

/// What inputs are made of.
const PARTS: &[&str] = &[
    "EHLO x\r\n",
    "HELO x\r\n",
    "STARTTLS\r\n",
    "AUTH PLAIN AGxhcHRvcABwZW5jaWw=\r\n",
    "AUTH PLAIN\r\n",
    "AGxhcHRvcABwZW5jaWw=\r\n",
    "AUTH LOGIN\r\n",
    "bGFwdG9w\r\n",
    "cGVuY2ls\r\n",
    "AUTH SCRAM-SHA-256 biwsbj1sYXB0b3Ascj1hYmM=\r\n",
    "AUTH PLAIN AGxhcHRvcAB3cm9uZw==\r\n",
    "*\r\n",
    "MAIL FROM:<laptop@home.lan>\r\n",
    "MAIL FROM:<> BODY=8BITMIME SIZE=100 SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=<>\r\n",
    "MAIL FROM:<laptop@home.lan> SIZE=99999999999999999999\r\n",
    "RCPT TO:<bob@away.example>\r\n",
    "RCPT TO:<bob@away.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+40away.example\r\n",
    "RCPT TO:<nobody@home.lan>\r\n",
    "RCPT TO:<@a.example,@b.example:\"q\\\"u oted\"@[IPv6:::1]>\r\n",
    "DATA\r\n",
    "BDAT 5\r\nhello",
    "BDAT 0 LAST\r\n",
    "BDAT 12 LAST\r\nSubject: x\r\n",
    "BDAT 18446744073709551615\r\n",
    "Subject: hello\r\n\r\ntext\r\n",
    ".\r\n",
    "..\r\n",
    ".\n",
    "\n.\n",
    "\r.\r",
    "\r\n.\r\n",
    "\0\u{ff}\u{2028}\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "VRFY root\r\n",
    "EXPN all\r\n",
    "ETRN x\r\n",
    "HELP\r\n",
    "QUIT\r\n",
    "\r\n",
    " ",
];

/// The beginning without which little is reached.
const LOGIN: &[usize] = &[0, 3, 12, 15];

fn part(random: &mut Random) -> &'static str {
    PARTS[usize::try_from(random.below(PARTS.len() as u64)).unwrap()]
}

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound.max(1) as u64)).unwrap()
}

/// Another input, from nothing or from one that was kept.
fn next(random: &mut Random, kept: &[Vec<u8>]) -> Vec<u8> {
    let mut input = match random.below(4) {
        0 => Vec::new(),
        1 => LOGIN.iter().flat_map(|at| PARTS[*at].bytes()).collect(),
        _ if kept.is_empty() => Vec::new(),
        _ => kept[below(random, kept.len())].clone(),
    };
    for _ in 0..=random.below(6) {
        let at = below(random, input.len() + 1);
        match random.below(8) {
            // What continues is more often at the end.
            0..=3 => input.extend_from_slice(part(random).as_bytes()),
            4 => drop(input.splice(at..at, part(random).bytes())),
            5 => {
                let end = (at + below(random, 20)).min(input.len());
                drop(input.drain(at..end));
            }
            6 if at < input.len() => input[at] = u8::try_from(random.below(256)).unwrap(),
            _ => {
                let long = "x".repeat(below(random, 700));
                drop(input.splice(at..at, long.bytes()));
            }
        }
    }
    input.truncate(8000);
    input
}

#[test]
fn no_input_breaks_the_dialogue_and_how_it_is_cut_makes_no_difference() {
    let seconds = number_from("POSTRIDER_FUZZ_SECONDS").unwrap_or(2);
    let seed = seed("POSTRIDER_FUZZ_SEED");
    println!("POSTRIDER_FUZZ_SECONDS={seconds} POSTRIDER_FUZZ_SEED={seed}");
    let (mut random, end) = (Random::from(seed), Instant::now() + Duration::from_secs(seconds));
    let (mut kept, mut known): (Vec<Vec<u8>>, HashSet<Vec<[u8; 3]>>) = (Vec::new(), HashSet::new());
    let (mut executions, mut messages) = (0_u64, 0_usize);
    while Instant::now() < end {
        let input = next(&mut random, &kept);
        let tls = [TlsRule::Absent, TlsRule::Absent, TlsRule::Starttls, TlsRule::Optional][below(&mut random, 4)];
        let line_ends = [LineEnds::Normalized, LineEnds::Strict][below(&mut random, 2)];
        let sizes: Vec<usize> = (0..5).map(|_| 1 + below(&mut random, 40)).collect();
        let shown = || format!("{tls:?} {line_ends:?} {sizes:?} {:?}", String::from_utf8_lossy(&input));
        let whole = held(tls, line_ends, &input, &[usize::MAX]);
        let pieces = held(tls, line_ends, &input, &sizes);
        executions += 2;
        if !input.windows(8).any(|window| window.eq_ignore_ascii_case(b"STARTTLS")) {
            assert_eq!(whole, pieces, "{}", shown());
        }
        for outcome in [&whole, &pieces] {
            let codes = codes(&outcome.replies);
            let accepted = codes.iter().filter(|code| *code == b"250" || *code == b"235").count();
            assert!(outcome.stored.len() <= accepted, "{}", shown());
            messages += outcome.stored.len();
            if known.len() < 50_000 && known.insert(codes) {
                kept.push(input.clone());
            }
        }
    }
    println!("{executions} executions, {} different orders of replies, {messages} messages stored", known.len());
    assert!(messages > 0, "the inputs must reach the end of a message");
}
