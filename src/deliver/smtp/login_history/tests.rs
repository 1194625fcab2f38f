//! What is kept of a login, and for which credential.

use super::*;
use crate::config::Secret;

fn login(password: &str) -> Login {
    Login::new("me".to_owned(), Secret::new(password.to_owned()))
}

#[test]
fn another_credential_starts_afresh_and_another_account_knows_nothing() {
    let history = LoginHistory::default();
    history.note("isp", &login("first-secret"), Other::Spent);
    history.note_bound("isp", &login("first-secret"));
    assert_eq!(
        history.past("isp", &login("first-secret")),
        Past { other: Other::Spent, was_bound: true, broke_scram: false }
    );
    assert_eq!(history.past("isp", &login("two")), Past { other: Other::Untried, was_bound: true, broke_scram: false });
    assert_eq!(history.past("other", &login("first-secret")), Past::default());
    assert!(!format!("{history:?}").contains("first-secret"));
}
