//! Unit tests of `deliver::smtp::sasl::exchange`.

use super::*;
use crate::config::Secret;

fn begin(mechanism: Mechanism, user: &str, password: &str) -> Exchange {
    let login = Login::new(user.to_owned(), Secret::new(password.to_owned()));
    let around =
        Surroundings { host: "h.example", port: 587, binding: None, plus: Plus::NotOffered, nonce: "n".to_owned() };
    Exchange::new(mechanism, &login, &around)
}

fn opening(exchange: &Exchange) -> Option<Vec<u8>> {
    exchange.opening().map(|message| message.to_vec())
}

fn answer(exchange: &mut Exchange, challenge: &[u8]) -> Result<Vec<u8>, OutOfStep> {
    exchange.answer(challenge).map(|message| message.to_vec())
}

#[test]
fn cram_md5_is_that_of_the_rfc() {
    let mut exchange = begin(Mechanism::CramMd5, "tim", "tanstaaftanstaaf");
    assert_eq!(opening(&exchange), None);
    let said = answer(&mut exchange, b"<1896.697170952@postoffice.reston.mci.net>");
    assert_eq!(said, Ok(b"tim b913a602c7eda7a495b4e6e7334d3890".to_vec()));
    let long = hmac_md5(&[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First");
    assert_eq!(long[..4], [0x6b, 0x1a, 0xb7, 0xfe]);
}

#[test]
fn the_others_say_what_they_must() {
    let plain = begin(Mechanism::Plain, "me", "pw");
    assert_eq!(opening(&plain).as_deref(), Some(&b"\0me\0pw"[..]));
    let mut login = begin(Mechanism::Login, "me", "pw");
    assert_eq!(answer(&mut login, b"Username:"), Ok(b"me".to_vec()));
    assert_eq!(answer(&mut login, b"Password:"), Ok(b"pw".to_vec()));
    assert!(answer(&mut login, b"More:").is_err());
    let mut google = begin(Mechanism::XOAuth2, "me@x.example", "ya29.x");
    assert_eq!(opening(&google).as_deref(), Some(&b"user=me@x.example\x01auth=Bearer ya29.x\x01\x01"[..]));
    assert_eq!(answer(&mut google, b"{}"), Ok(Vec::new()));
    let mut bearer = begin(Mechanism::OAuthBearer, "a,b=c", "t");
    let expected = b"n,a=a=2Cb=3Dc,\x01host=h.example\x01port=587\x01auth=Bearer t\x01\x01";
    assert_eq!(opening(&bearer).as_deref(), Some(&expected[..]));
    assert_eq!(answer(&mut bearer, b"{}"), Ok(b"\x01".to_vec()));
}
