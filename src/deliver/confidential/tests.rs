//! Texts that show a credential, and texts that only look so.

use super::*;
use base64::engine::general_purpose::STANDARD;

fn shows(text: &str) -> bool {
    let mut confidential = Confidential::of_login("me@isp.example", "correct horse");
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
    let confidential = Confidential::of_login("me", &password);
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
    let short = Confidential::of_login("me", "x9!kq");
    assert!(!short.occurs_in(&["the same authentication method".to_owned()]));
    assert!(short.occurs_in(&["unknown user me.".to_owned()]));
}

#[test]
fn a_login_without_name_or_password_hides_nothing() {
    assert!(!Confidential::of_login("", "").occurs_in(&["anything at all".to_owned()]));
}

#[test]
fn a_token_is_found_in_part_as_well() {
    let token = "1//0gAbCdEf-GhIjKlMnOp";
    let mut confidential = Confidential::default();
    confidential.add_token(token);
    confidential.add_token("");
    confidential.add_token("s3cret");
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
    for text in [
        token.to_owned(),
        token.to_uppercase(),
        "token 1//0gAbC... is unknown".to_owned(),
        "token ...hIjKlMnOp is unknown".to_owned(),
        format!("no {}", percent(token)),
        format!("no {}", percent(&percent(token))),
        format!("no {}", STANDARD.encode(format!("id:{token}"))),
        format!("no {}", &STANDARD.encode(token)[4..20]),
        "1//0g AbCdEf".to_owned(),
        "the secret s3cret is wrong".to_owned(),
    ] {
        assert!(confidential.shows_secret(std::slice::from_ref(&text)), "{text}");
        assert_eq!(confidential.without_secrets(&text), WITHHELD);
    }
    for text in ["Token has been expired or revoked.", "1//0gAb", "AADSTS700082: The refresh token has expired."] {
        assert_eq!(confidential.without_secrets(text), text);
    }
}
