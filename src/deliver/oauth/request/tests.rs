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
    let body = Zeroizing::new(body.as_bytes().to_vec());
    let oauth = oauth();
    Asked::new(&oauth, None, &[]).refusal(&Answer { status, date: None, retry_after: None, body })
}

#[test]
fn a_refusal_is_in_the_services_words_and_anything_else_is_the_endpoints_trouble() {
    let expired =
        refusal(400, "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been revoked.\\nTrace: 1\"}");
    assert!(matches!(expired, TokenError::Refused { needs: Needs::Login, .. }));
    assert_eq!(expired.to_string(), "Issuer refused: invalid_grant (Token has been revoked.)");
    assert_eq!(expired.remedy(&oauth()).as_deref(), Some("run \"postrider login work\""));
    let busy = refusal(429, "{\"error\":\"slow_down\"}");
    assert_eq!(busy.to_string(), "the token endpoint of Issuer answered with status 429: slow_down");
    assert_eq!((busy.code(), busy.remedy(&oauth())), (Some("slow_down"), None));
    for (status, body) in [(500, ""), (503, "<html>secret</html>"), (404, "Not found"), (400, "{\"token\":\"secret\"}")]
    {
        let error = refusal(status, body);
        assert!(matches!(error, TokenError::Unavailable { code: None, .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_query_holds_whatever_a_value_has() {
    assert_eq!(
        query(&[("scope", "https://x.example/a b"), ("q", "~é")]),
        "scope=https%3A%2F%2Fx.example%2Fa%20b&q=~%C3%A9"
    );
}
