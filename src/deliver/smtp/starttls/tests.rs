//! A server that sends more than its reply to STARTTLS, does not offer it, or answers with something else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]

use crate::config::{Secret, TlsMode};
use crate::deliver::smtp::connect::walk;
use crate::deliver::smtp::host_status::HostStatus;
use crate::deliver::smtp::login_history::LoginHistory;
use crate::deliver::smtp::sasl::Login;
use crate::deliver::smtp::scripted::{Peer, Scripted, Transcript, account};
use crate::mail::outcome::{Phase, Seen};
use crate::tls::certificate::Authority;

/// How the session with this server fails, and what the server received.
fn failure(script: impl FnOnce(&mut Peer) + Send + 'static) -> (Phase, Seen, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, Authority::generate("test root").unwrap().pem()).unwrap();
    let server = Scripted::play(script);
    let opened = walk(
        &account(&[server.port], TlsMode::Starttls, Some(&ca)),
        "box.home.lan",
        Some(Login::new("me".to_owned(), Secret::new("hunter2-swordfish".to_owned()))),
        &LoginHistory::default(),
        &HostStatus::default(),
        Box::new(Transcript::default()),
    );
    let fact = opened.err().unwrap().fact;
    (fact.phase, fact.seen, server.received())
}

#[test]
fn text_injected_after_the_reply_to_starttls_ends_the_session() {
    let (phase, seen, received) = failure(|peer| {
        peer.welcome(&["STARTTLS"]);
        peer.answer("220 go ahead\n250-fake\n250 AUTH PLAIN");
        peer.hear();
    });
    assert_eq!(phase, Phase::StartTls);
    assert!(matches!(seen, Seen::Garbage(text) if text.contains("after its reply to STARTTLS")));
    assert_eq!(received, ["EHLO box.home.lan", "STARTTLS"]);
}

#[test]
fn without_starttls_nothing_secret_is_said() {
    let (phase, seen, received) = failure(|peer| {
        peer.welcome(&["AUTH PLAIN LOGIN"]);
        peer.hear();
    });
    assert!(matches!((phase, seen), (Phase::StartTls, Seen::NotOffered(_))));
    assert_eq!(received, ["EHLO box.home.lan", "QUIT"]);
}

#[test]
fn a_refusal_of_starttls_is_no_reason_to_go_on_without_it() {
    for (reply, last) in [("454 4.7.0 not now", "QUIT"), ("250 ok", "STARTTLS")] {
        let (phase, _, received) = failure(move |peer| {
            peer.welcome(&["STARTTLS", "AUTH PLAIN"]);
            peer.answer(reply);
            peer.hear();
        });
        assert_eq!((phase, received.last().map(String::as_str)), (Phase::StartTls, Some(last)), "{reply}");
    }
}
