//! Texts that show a credential, and texts that only look so.

use super::*;
use crate::config::Secret;
use base64::engine::general_purpose::STANDARD;

fn shows(text: &str) -> bool {
    let login = Login::new("me@isp.example".to_owned(), Secret::new("correct horse".to_owned()));
    let mut confidential = Confidential::new(&login);
    confidential.add_response(&Zeroizing::new("YmlndW9uZQ".to_owned()));
    confidential.occurs_in(&text.split('\n').map(str::to_owned).collect::<Vec<_>>())
}

#[test]
fn a_credential_is_found_as_it_is_and_in_base64_wherever_it_stands() {
    let encoded = |text: &str| STANDARD.encode(text);
    for text in [
        "wrong: correct horse".to_owned(),
        "wrong: Correct Horse!".to_owned(),
        "correct\nhorse".to_owned(),
        "correct \nhorse".to_owned(),
        "user ME@isp.example is unknown".to_owned(),
        format!("no {}", encoded("correct horse")),
        format!("no {}", encoded("me@isp.example")),
        format!("no ({})", encoded("\0me@isp.example\0correct horse")),
        format!("no ({})", encoded("x correct horse")),
        format!("no ({})", encoded("xy correct horse").trim_end_matches('=')),
        "got YmlndW9uZQ== from you".to_owned(),
    ] {
        assert!(shows(&text), "{text}");
    }
}

#[test]
fn a_password_that_is_longer_in_lower_case_is_found_in_base64() {
    let password = "\u{130}".repeat(10);
    let confidential = Confidential::new(&Login::new("me".to_owned(), Secret::new(password.clone())));
    assert!(confidential.shows_secret(&[format!("no {}", STANDARD.encode(&password))]));
}

#[test]
fn what_shows_no_credential_is_kept() {
    for text in [
        "5.7.139 Authentication unsuccessful, basic authentication is disabled.",
        "5.7.9 Application-specific password required. Learn more at https://support.example/?p=InvalidSecondFactor abc123-8a",
        "correct password, wrong horse",
    ] {
        assert!(!shows(text), "{text}");
    }
    let short = Confidential::new(&Login::new("me".to_owned(), Secret::new("x9!kq".to_owned())));
    assert!(!short.occurs_in(&["the same authentication method".to_owned()]));
    assert!(short.occurs_in(&["unknown user me.".to_owned()]));
}

#[test]
fn a_login_without_name_or_password_hides_nothing() {
    let login = Login { username: None, password: None, certificate: crate::deliver::smtp::sasl::Certificate::Shown };
    assert!(!Confidential::new(&login).occurs_in(&["anything at all".to_owned()]));
}
