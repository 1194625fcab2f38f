//! What counts as the end of a login.

use super::*;

fn code(address: &str) -> Option<String> {
    let mut ours = Ours { state: "the+state".to_owned(), confidential: Confidential::default() };
    ours.confidential.add_token("the-verifier-of-pkce");
    match query_of(address).map(|query| read(query, &ours)) {
        Some(Reply::Ours(Ok(code))) => Some(code.expose().to_owned()),
        Some(Reply::Ours(Err(failure))) => Some(failure.message),
        Some(Reply::Foreign) => Some("foreign".to_owned()),
        None => None,
    }
}

#[test]
fn only_an_answer_with_this_logins_state_counts() {
    assert_eq!(code("http://127.0.0.1:1/?code=4%2F0Ab&state=the%2Bstate&iss=x").as_deref(), Some("4/0Ab"));
    assert_eq!(code("/?state=the%2Bstate&code=abc#fragment").as_deref(), Some("abc"));
    assert_eq!(code("/?code=abc&state=other").as_deref(), Some("foreign"));
    assert_eq!(code("/?code=abc").as_deref(), Some("foreign"));
    assert_eq!(code("/favicon.ico"), None);
    let refused = code("/?error=access_denied&error_description=No+thanks&state=the%2Bstate").unwrap();
    assert_eq!(refused, "the login was refused: access_denied (No thanks); nothing was stored");
    for shown in ["verifier+the-verifier-of", "dGhlLXZlcmlmaWVyLW9mLXBrY2U", "code+the-code"] {
        let address = format!("/?error=invalid&error_description={shown}&code=the-code&state=the%2Bstate");
        let refused = code(&address).unwrap();
        assert_eq!(refused, "the login was refused: invalid (text withheld); nothing was stored", "{shown}");
    }
}
