//! Unit tests of `deliver::smtp::lmtp`: the protocol (RFC 2033) against scripted servers, one of them as Dovecot and Cyrus
//! announce themselves.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;

use crate::config::lmtp_server::LmtpServer;
use crate::config::{Account, StepLimits, mailbox};
use crate::deliver::smtp::connection::{NotOpened, Session};
use crate::deliver::smtp::dsn_parameters::DsnRequest;
use crate::deliver::smtp::host_status::HostStatus;
use crate::deliver::smtp::login_history::LoginHistory;
use crate::deliver::smtp::scripted::{Peer, Scripted, Transcript};
use crate::deliver::smtp::session::Transaction;
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{Fact, Phase, Seen};
use std::time::Duration;

const DOVECOT: &[&str] = &["8BITMIME", "CHUNKING", "ENHANCEDSTATUSCODES", "PIPELINING"];
const CYRUS: &[&str] = &["8BITMIME", "SIZE 1000000", "AUTH EXTERNAL", "IGNOREQUOTA", "Ok SESSIONID=<cyrus-1-1>"];

fn account(server: LmtpServer) -> Account {
    let timeouts = StepLimits { greeting: Some(Duration::from_millis(300)), ..StepLimits::default() };
    Account { timeout: Some(Duration::from_millis(700)), timeouts, ..mailbox::account(server) }
}

fn open(server: LmtpServer) -> Result<Session, NotOpened> {
    let observer = Box::new(Transcript::default());
    Session::open(&account(server), "homebox.home.lan", &LoginHistory::default(), &HostStatus::default(), observer)
}

fn loopback(server: &Scripted) -> LmtpServer {
    LmtpServer::Loopback((Ipv4Addr::LOCALHOST, server.port).into())
}

fn send(session: &mut Session, to: &[&str]) -> Vec<Fact> {
    let recipients: Vec<Address> = to.iter().map(|to| Address::parse(to).unwrap()).collect();
    let body: &[u8] = b"\r\nBODY\r\n";
    session.send(Transaction {
        id: None,
        sender: &ReversePath::Mailbox(Address::parse("ana@home.lan").unwrap()),
        recipients: &recipients,
        wishes: DsnRequest::default(),
        header: b"Subject: hello\r\n",
        body: &body,
        size: 24,
    })
}

/// What a transaction with these recipients comes to, and what the server received.
fn facts(
    extensions: &'static [&'static str],
    to: &[&str],
    script: impl FnOnce(&mut Peer) + Send + 'static,
) -> (Vec<String>, bool, Vec<String>) {
    let server = Scripted::play(move |peer| {
        peer.welcome(extensions);
        script(peer);
    });
    let mut session = open(loopback(&server)).unwrap();
    let facts = send(&mut session, to).into_iter().map(|Fact { phase, seen }| match seen {
        Seen::Reply(reply) => format!("{phase:?} {}", reply.code),
        Seen::Refused(code, _) => format!("{phase:?} ours {code}"),
        other => format!("{phase:?} {other:?}"),
    });
    let facts = facts.collect();
    let usable = session.is_usable();
    session.quit();
    (facts, usable, server.received())
}

const THREE: [&str; 3] = ["a@home.lan", "b@home.lan", "c@home.lan"];

#[test]
fn after_the_dot_each_accepted_recipient_has_its_own_reply_in_order() {
    for extensions in [DOVECOT, CYRUS] {
        let (facts, usable, received) = facts(extensions, &THREE, |peer| {
            for reply in ["250 ok", "250 2.1.5 ok", "550-unknown\n550-mailbox\n550 5.1.1 User unknown", "250 2.1.5 ok"]
            {
                peer.answer(reply);
            }
            peer.answer("354 go");
            peer.content();
            peer.say("250 2.0.0 <a@home.lan> id Saved\n552 5.2.2 <c@home.lan> Quota exceeded");
            peer.answer("221 bye");
        });
        assert_eq!(facts, ["FinalDot 250", "Rcpt 550", "FinalDot 552"]);
        assert!(usable);
        assert_eq!(received[0], "LHLO homebox.home.lan");
        assert_eq!(received.iter().filter(|line| line.starts_with("AUTH") || line.contains("SMTPUTF8")).count(), 0);
        assert_eq!(received[1].contains(" SIZE="), extensions == CYRUS, "{received:?}");
    }
}

#[test]
fn a_reply_that_does_not_come_leaves_its_recipient_and_those_behind_it_unknown() {
    let (facts, usable, _) = facts(DOVECOT, &THREE, |peer| {
        for reply in ["250 ok", "250 ok", "250 ok", "250 ok", "354 go"] {
            peer.answer(reply);
        }
        peer.content();
        peer.say("250 2.0.0 <a@home.lan> id Saved");
    });
    assert_eq!(facts, ["FinalDot 250", "FinalDot Closed", "FinalDot Closed"]);
    assert!(!usable);
}

#[test]
fn without_an_accepted_recipient_nothing_follows_and_the_session_goes_on() {
    let (facts, usable, received) = facts(DOVECOT, &THREE[..1], |peer| {
        for reply in ["250 ok", "550 5.1.1 no", "503 5.5.0 No valid recipients"] {
            peer.answer(reply);
        }
        peer.answer("221 bye");
    });
    assert_eq!(facts, ["Rcpt 550"]);
    assert!(usable, "the next transaction begins with RSET");
    assert_eq!(received.last().map(String::as_str), Some("QUIT"), "no content: {received:?}");
}

#[test]
fn an_address_that_the_server_cannot_take_is_not_sent() {
    let (facts, ..) = facts(DOVECOT, &["josé@home.lan"], |peer| {
        peer.answer("221 bye");
    });
    assert_eq!(facts, ["Rcpt ours 5.6.7"]);
}

#[test]
fn a_server_that_never_greets_is_given_up_before_any_message() {
    let server = Scripted::play(|peer| {
        peer.hear();
    });
    let not = open(loopback(&server)).err().unwrap();
    assert_eq!(not.fact, Fact { phase: Phase::Greeting, seen: Seen::Timeout });
}

#[test]
fn a_socket_that_nobody_listens_on_is_named_with_what_to_look_at() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lmtp");
    let not = open(LmtpServer::Socket(path.clone())).err().unwrap();
    assert_eq!(not.relay, format!("homebox.home.lan[{}]", path.display()));
    let Fact { phase: Phase::Connect, seen: Seen::Failed(text) } = not.fact else { unreachable!("{:?}", not.fact) };
    assert!(text.contains("is the server of `mailbox` running"), "{text}");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let not = open(LmtpServer::Socket(path)).err().unwrap();
    assert!(not.fact.seen.to_string().contains("Connection refused"), "{}", not.fact.seen);
}
