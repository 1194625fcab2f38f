//! Unit tests of `submit::smtp_server::auth`.

use super::*;

fn credentials(next: Next) -> (Mechanism, String, String) {
    match next {
        Next::Credentials { mechanism, username, password } => (mechanism, username, password.expose().to_owned()),
        Next::Challenge(..) => panic!("not complete"),
    }
}

#[test]
fn plain_at_once_or_when_asked() {
    let response = STANDARD.encode("\0alice\0s e c");
    let want = (Mechanism::Plain, "alice".to_owned(), "s e c".to_owned());
    assert_eq!(credentials(begin("PLAIN", Some(&response)).unwrap()), want);
    let Next::Challenge("", exchange) = begin("PLAIN", None).unwrap() else { panic!("no challenge") };
    assert_eq!(credentials(exchange.answer(response.as_bytes()).unwrap()), want);
}

#[test]
fn login_asks_for_name_and_password() {
    let Next::Challenge(_, exchange) = begin("LOGIN", None).unwrap() else { panic!("no challenge") };
    let Next::Challenge(_, exchange) = exchange.answer(b"Ym9i").unwrap() else { panic!("no challenge") };
    let got = credentials(exchange.answer(b"cHc=").unwrap());
    assert_eq!(got, (Mechanism::Login, "bob".to_owned(), "pw".to_owned()));
}

#[test]
fn what_is_no_answer_is_refused() {
    let code = |exchange: Exchange, line: &[u8]| exchange.answer(line).unwrap_err().code();
    assert_eq!(code(Exchange::LoginName, b"*"), 501);
    assert_eq!(code(Exchange::LoginName, b"!!"), 501);
    assert_eq!(code(Exchange::Plain, STANDARD.encode("alice").as_bytes()), 501);
    assert_eq!(code(Exchange::Plain, STANDARD.encode("bob\0alice\0pw").as_bytes()), 535);
    assert_eq!(begin("CRAM-MD5", None).unwrap_err().code(), 504);
}
