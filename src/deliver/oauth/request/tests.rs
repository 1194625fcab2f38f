//! What answers of token endpoints are worth.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::*;
use crate::config::oauth::{Flow, Keeping};

fn oauth() -> OAuth {
    OAuth {
        account: "work".to_owned(),
        issuer: "Issuer".to_owned(),
        client_id: "id".to_owned(),
        client_secret: None,
        flow: Flow::Device,
        authorization: None,
        device: None,
        token: "https://issuer.example/token".to_owned(),
        scope: "mail".to_owned(),
        loopback: "127.0.0.1".to_owned(),
        extra: std::collections::BTreeMap::new(),
        username: "me@isp.example".to_owned(),
        keeping: Keeping::File,
        state: PathBuf::new(),
    }
}

fn refusal(status: u16, body: &str) -> TokenError {
    let answer = Answer { status, date: None, body: Zeroizing::new(body.as_bytes().to_vec()) };
    read::<TokenReply>(&oauth(), &answer).map(|_| ()).unwrap_err()
}

#[test]
fn a_refusal_is_in_the_services_words_and_anything_else_is_the_endpoints_trouble() {
    let expired =
        refusal(400, "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been revoked.\\nTrace: 1\"}");
    assert!(expired.is_invalid_grant());
    assert_eq!(expired.to_string(), "Issuer refused: invalid_grant (Token has been revoked.)");
    for (status, body) in [
        (500, "{\"error\":\"server_error\"}"),
        (503, ""),
        (200, "<html>secret</html>"),
        (200, "{\"token\":\"secret\"}"),
        (404, "Not found"),
    ] {
        let error = refusal(status, body);
        assert_eq!((error.code(), error.to_string().contains("secret")), (None, false), "{error}");
    }
}

#[test]
fn lifetimes_and_intervals_are_numbers_texts_or_missing() {
    let seconds = |text: &str| serde_json::from_str::<Seconds>(text).unwrap().duration();
    assert_eq!(seconds("3599"), Some(Duration::from_secs(3599)));
    assert_eq!(seconds("\"3600\""), Some(Duration::from_hours(1)));
    assert_eq!((seconds("-1"), seconds("\"soon\"")), (None, None));
    assert_eq!((seconds("1e18"), seconds("1e300")), (Some(LONGEST), None), "no sum with a time overflows");
    assert_eq!(
        query(&[("scope", "https://x.example/a b"), ("q", "~é")]),
        "scope=https%3A%2F%2Fx.example%2Fa%20b&q=~%C3%A9"
    );
}
