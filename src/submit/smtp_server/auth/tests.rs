//! Unit tests of `submit::smtp_server::auth`.

use std::num::NonZeroU32;

use super::*;
use crate::config::scram::StoredKeys;
use crate::mail::address::{Address, ReversePath};
use crate::submit::smtp_server::policy::{Client, Envelope};

/// Knows alice with "pencil".
struct Keys;

impl Policy for Keys {
    fn scram(&mut self, _username: &str, hash: ScramHash) -> Result<(StoredKeys, String), Refusal> {
        let iterations = NonZeroU32::new(4096).unwrap();
        Ok((StoredKeys::of(hash, "pencil", b"salt", iterations), "ours".to_owned()))
    }

    fn sender(&mut self, _client: &Client, _sender: &ReversePath) -> Result<(), Refusal> {
        Ok(())
    }

    fn recipient(&mut self, _client: &Client, _envelope: &Envelope, _to: &Address) -> Result<(), Refusal> {
        Ok(())
    }
}

const OFFERED: [Mechanism; 3] = [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login];

fn open(mechanism: &str, initial: Option<&str>) -> Result<Next, Refusal> {
    begin(mechanism, &OFFERED, initial, None, &mut Keys)
}

fn credentials(next: Next) -> (Mechanism, String, String) {
    match next {
        Next::Attempt(Attempt { mechanism, username, proof: Proof::Password(password) }) => {
            (mechanism, username, password.expose().to_owned())
        }
        Next::Attempt(_) | Next::Challenge(..) | Next::Done(..) => panic!("no password"),
    }
}

#[test]
fn plain_at_once_or_when_asked() {
    let response = STANDARD.encode("\0alice\0s e c");
    let want = (Mechanism::Plain, "alice".to_owned(), "s e c".to_owned());
    assert_eq!(credentials(open("PLAIN", Some(&response)).unwrap()), want);
    let Next::Challenge(text, exchange) = open("PLAIN", None).unwrap() else { panic!("no challenge") };
    assert_eq!(text, "");
    assert_eq!(credentials(exchange.answer(response.as_bytes(), &mut Keys).unwrap()), want);
}

#[test]
fn login_asks_for_name_and_password() {
    let Next::Challenge(_, exchange) = open("LOGIN", None).unwrap() else { panic!("no challenge") };
    let Next::Challenge(_, exchange) = exchange.answer(b"Ym9i", &mut Keys).unwrap() else { panic!("no challenge") };
    let got = credentials(exchange.answer(b"cHc=", &mut Keys).unwrap());
    assert_eq!(got, (Mechanism::Login, "bob".to_owned(), "pw".to_owned()));
}

#[test]
fn scram_takes_three_messages_and_an_empty_one() {
    use crate::config::scram::ScramHash::Sha256;
    let first = STANDARD.encode("n,,n=alice,r=theirs");
    let Next::Challenge(text, exchange) = open("SCRAM-SHA-256", Some(&first)).unwrap() else { panic!("no challenge") };
    let challenge = String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
    assert_eq!(challenge, "r=theirsours,s=c2FsdA==,i=4096");
    let salted = Sha256.salted("pencil", b"salt", NonZeroU32::new(4096).unwrap());
    let client_key = Sha256.hmac(&salted, b"Client Key");
    let unproven = "c=biws,r=theirsours";
    let both = format!("n=alice,r=theirs,{challenge},{unproven}");
    let signature = Sha256.hmac(Sha256.digest(client_key.as_ref()).as_ref(), both.as_bytes());
    let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
    let last = STANDARD.encode(format!("{unproven},p={}", STANDARD.encode(proof)));
    let attempt = exchange.answer(last.as_bytes(), &mut Keys).unwrap();
    assert!(matches!(attempt, Next::Attempt(Attempt { proof: Proof::Right(_), .. })), "{attempt:?}");
    let end = || Exchange::ScramEnd("alice".to_owned(), Mechanism::ScramSha256);
    assert!(matches!(end().answer(b"", &mut Keys), Ok(Next::Done(name, _)) if name == "alice"));
    assert_eq!(end().answer(b"YQ==", &mut Keys).unwrap_err().code(), 501);
}

#[test]
fn what_is_no_answer_is_refused() {
    let code = |exchange: Exchange, line: &[u8]| exchange.answer(line, &mut Keys).unwrap_err().code();
    assert_eq!(code(Exchange::LoginName, b"*"), 501);
    assert_eq!(code(Exchange::LoginName, b"!!"), 501);
    assert_eq!(code(Exchange::Plain, STANDARD.encode("alice").as_bytes()), 501);
    assert_eq!(code(Exchange::Plain, STANDARD.encode("bob\0alice\0pw").as_bytes()), 535);
    for mechanism in ["CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS"] {
        assert_eq!(open(mechanism, None).unwrap_err().code(), 504, "{mechanism}");
    }
}
