//! What is kept of a login, and for which credential.

use super::*;
use crate::config::Secret;
use crate::config::read;
use crate::spool::Spool;

fn login(password: &str) -> Login {
    Login::new("me".to_owned(), Secret::new(password.to_owned()))
}

fn account(name: &str) -> Account {
    let text = format!("[account.{name}]\nrelay = \"[h.example]\"\nusername = \"me\"\npassword = \"x\"\n");
    read::read(std::path::Path::new("/x/config.toml"), &text).unwrap().accounts.remove(0)
}

#[test]
fn another_credential_starts_afresh_and_another_account_knows_nothing() {
    let history = LoginHistory::default();
    let isp = account("isp");
    history.note(&isp, &login("first-secret"), Other::Spent);
    history.note_bound(&isp, &login("first-secret"));
    assert_eq!(
        history.past(&isp, &login("first-secret")),
        Past { other: Other::Spent, was_bound: true, broke_scram: false }
    );
    assert_eq!(history.past(&isp, &login("two")), Past { other: Other::Untried, was_bound: true, broke_scram: false });
    assert_eq!(history.past(&account("other"), &login("first-secret")), Past::default());
    assert!(!format!("{history:?}").contains("first-secret"));
}

#[test]
fn the_next_process_knows_it_of_the_same_credential_at_the_same_server() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let process = || LoginHistory::going_on_from(Arc::new(LearnedOfAccounts::kept_in(spool.clone())));
    let isp = account("isp");
    let first = process();
    first.note(&isp, &login("first-secret"), Other::Accepted(Mechanism::Plain));
    first.note_broken(&isp, &login("first-secret"));
    let known = Past { other: Other::Accepted(Mechanism::Plain), was_bound: false, broke_scram: true };
    assert_eq!(process().past(&isp, &login("first-secret")), known);
    assert_eq!(process().past(&isp, &login("another")), Past { other: Other::Untried, ..known });
    let mut moved = account("isp");
    moved.relays[0].host = "other.example".to_owned();
    assert_eq!(process().past(&moved, &login("first-secret")), Past::default());
}
