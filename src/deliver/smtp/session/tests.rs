//! How sessions come about, or not, against scripted servers. Transactions are in
//! `transactions`.

#![allow(clippy::unwrap_used, clippy::panic)]

mod injection;
mod transactions;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::config::{Account, Mechanism, Secret, TlsMode};
use crate::deliver::smtp::connect::walk;
use crate::deliver::smtp::host_status::HostStatus;
use crate::deliver::smtp::login_history::LoginHistory;
use crate::deliver::smtp::sasl::Login;
use crate::deliver::smtp::scripted::{Peer, Scripted, Transcript, account};
use crate::deliver::smtp::session::{NotOpened, Session};
use crate::mail::outcome::{Phase, Seen, TlsProblem};
use crate::tls::Server;
use crate::tls::certificate::{Authority, Identity, Validity};

const PASSWORD: &str = "hunter2-swordfish";
const BASE64: &str = "aHVudGVyMi1zd29yZGZpc2g";

fn login() -> Login {
    Login::new("me".to_owned(), Secret::new(PASSWORD.to_owned()))
}

fn open(account: &Account, login: Option<Login>) -> (Result<Session, NotOpened>, Transcript) {
    let transcript = Transcript::default();
    (
        walk(
            account,
            "box.home.lan",
            login,
            &LoginHistory::default(),
            &HostStatus::default(),
            Box::new(transcript.clone()),
        ),
        transcript,
    )
}

fn refusal(account: &Account, login: Option<Login>) -> (Phase, Seen) {
    let fact = open(account, login).0.err().unwrap().fact;
    (fact.phase, fact.seen)
}

fn plain(server: &Scripted) -> Account {
    account(&[server.port], TlsMode::None, None)
}

/// A root that clients can be told to trust, and a server of its making.
struct World {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl World {
    fn new() -> Self {
        Self::with_root("test root")
    }

    fn with_root(name: &str) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::generate(name).unwrap() };
        std::fs::write(world.ca(), world.authority.pem()).unwrap();
        world
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn identity(&self, name: &str) -> Identity {
        self.authority.issue(&[name], Validity::LONG).unwrap()
    }

    fn server(&self, name: &str) -> Server {
        Server::new(self.identity(name)).unwrap()
    }

    fn account(&self, server: &Scripted, tls: TlsMode) -> Account {
        account(&[server.port], tls, Some(&self.ca()))
    }
}

fn starttls(peer: &mut Peer, server: &Server) {
    peer.welcome(&["STARTTLS", "AUTH PLAIN", "SIZE 1"]);
    peer.answer("220 go ahead");
    peer.start_tls(server);
}

#[test]
fn starttls_then_plain_with_only_what_is_offered_after_tls() {
    let world = World::new();
    let tls = world.server("127.0.0.1");
    let server = Scripted::play(move |peer| {
        starttls(peer, &tls);
        peer.ehlo(&["AUTH LOGIN PLAIN", "PIPELINING"]);
        peer.answer("235 2.7.0 welcome aHVudGVyMi1zd29yZGZpc2g");
        peer.ehlo(&["PIPELINING"]);
        peer.answer("221 bye");
    });
    let account = world.account(&server, TlsMode::Starttls);
    let (session, transcript) = open(&account, Some(login()));
    let session = session.unwrap();
    assert_eq!(session.described().tls.as_deref(), Some("TLSv1.3"));
    assert_eq!(session.described().auth, Some(Mechanism::Plain));
    assert_eq!(session.described().relay, format!("127.0.0.1[127.0.0.1]:{}", account.relays[0].port));
    assert_eq!(session.capabilities.size, crate::deliver::smtp::capabilities::Size::Absent);
    session.quit();
    let received = server.received();
    assert_eq!(received[..3], ["EHLO box.home.lan", "STARTTLS", "EHLO box.home.lan"]);
    assert_eq!(received[3], format!("AUTH PLAIN AG1lA{}", "Gh1bnRlcjItc3dvcmRmaXNo"));
    assert_eq!(received[4..], ["EHLO box.home.lan", "QUIT"]);
    let text = transcript.text();
    assert!(!text.contains("aHVu") && !text.contains("Gh1bnRl"), "{text}");
    assert!(text.contains("R: 235 2.7.0 (text withheld)"), "{text}");
}

#[test]
fn implicit_tls_and_login_with_any_prompts() {
    let world = World::new();
    let tls = world.server("127.0.0.1");
    let server = Scripted::play(move |peer| {
        peer.start_tls(&tls);
        peer.welcome(&["AUTH=LOGIN"]);
        peer.answer("334 give it to me");
        peer.answer("334");
        peer.answer("235 ok");
        peer.ehlo(&[]);
    });
    let (session, transcript) = open(&world.account(&server, TlsMode::Implicit), Some(login()));
    assert_eq!(session.unwrap().described().auth, Some(Mechanism::Login));
    assert_eq!(server.received()[1..], ["AUTH LOGIN", "bWU=", &format!("{BASE64}="), "EHLO box.home.lan"]);
    assert!(!transcript.text().contains(BASE64));
}

#[test]
fn without_tls_a_password_needs_the_opt_out() {
    let script = |peer: &mut Peer| {
        peer.welcome(&["AUTH PLAIN"]);
        if !peer.hear().is_empty() {
            peer.say("235 ok");
            peer.ehlo(&[]);
        }
    };
    let server = Scripted::play(script);
    let (phase, seen) = refusal(&plain(&server), Some(login()));
    assert_eq!(phase, Phase::Auth);
    assert!(matches!(seen, Seen::Local(text) if text.contains("allow_plaintext")));
    assert_eq!(server.received(), ["EHLO box.home.lan", "QUIT"]);
    let server = Scripted::play(script);
    let allowed = Account { allow_plaintext: true, ..plain(&server) };
    assert!(open(&allowed, Some(login())).0.is_ok());
    assert_eq!(server.received().len(), 3);
}

#[test]
fn certificates_that_do_not_fit_are_told_apart() {
    let world = World::new();
    let other = World::with_root("other root");
    let renewed = World::new();
    for (tls, name, words) in [
        (world.server("mail.other.example"), None, "tls_name"),
        (other.server("127.0.0.1"), None, "unknown issuer"),
        (renewed.server("127.0.0.1"), None, "another key"),
        (Server::new(Identity::self_signed(&["127.0.0.1"], Validity::LONG).unwrap().0).unwrap(), None, "self-signed"),
        (world.server("127.0.0.1"), Some("mail.isp.example"), "not for mail.isp.example"),
    ] {
        let server = Scripted::play(move |peer| {
            starttls(peer, &tls);
            peer.hear();
        });
        let account = Account { tls_name: name.map(str::to_owned), ..world.account(&server, TlsMode::Starttls) };
        let (phase, seen) = refusal(&account, Some(login()));
        assert_eq!(phase, Phase::Tls);
        let Seen::Tls(TlsProblem::Certificate(problem)) = seen else { panic!("{seen:?}") };
        assert!(problem.reason.contains(words), "{problem:?}");
        assert_eq!(server.received(), ["EHLO box.home.lan", "STARTTLS"]);
    }
}

#[test]
fn something_else_than_tls_is_named() {
    let world = World::new();
    let server = Scripted::play(|peer| {
        peer.say("220 mail.isp.example ESMTP");
        peer.hear();
    });
    let (phase, seen) = refusal(&world.account(&server, TlsMode::Implicit), None);
    assert_eq!(phase, Phase::Tls);
    assert!(matches!(seen, Seen::Tls(TlsProblem::Handshake(text)) if text.contains("starttls")));
}

#[test]
fn an_unsupported_mechanism_leads_to_the_next_and_a_rejected_password_does_not() {
    let world = World::new();
    let tls = world.server("127.0.0.1");
    let server = Scripted::play(move |peer| {
        peer.start_tls(&tls);
        peer.welcome(&["AUTH PLAIN LOGIN"]);
        peer.answer("504 5.5.4 no");
        peer.answer("334 VXNlcm5hbWU6");
        peer.answer("334 UGFzc3dvcmQ6");
        peer.answer("535 5.7.8 me:hunter2-swordfish is wrong");
        peer.hear();
    });
    let second = Scripted::play(|peer| {
        peer.hear();
    });
    let mut account = world.account(&server, TlsMode::Implicit);
    account.relays.extend(plain(&second).relays);
    let (session, transcript) = open(&account, Some(login()));
    let failure = session.err().unwrap();
    let Seen::Reply(reply) = &failure.fact.seen else { panic!("{failure:?}") };
    assert_eq!((failure.fact.phase, reply.code), (Phase::Auth, 535));
    assert!(!reply.text.contains("hunter2") && !transcript.text().contains("hunter2"));
    let received = server.received();
    assert_eq!((received.len(), received.last().map(String::as_str)), (6, Some("QUIT")));
    // The account's trouble: the second relay was not asked.
    drop(std::net::TcpStream::connect(("127.0.0.1", second.port)));
    assert!(second.received().is_empty());
}

#[test]
fn a_relay_in_trouble_leads_to_the_next() {
    let refusing = Scripted::play(|peer| {
        peer.say("554 5.3.2 not today");
        peer.hear();
    });
    let busy = Scripted::play(|peer| peer.say("421 too many connections"));
    let foreign = Scripted::play(|peer| peer.say("HTTP/1.1 400 Bad Request"));
    let good = Scripted::play(|peer| {
        peer.welcome(&[]);
        peer.answer("221 bye");
    });
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let account = account(&[closed, refusing.port, busy.port, foreign.port, good.port], TlsMode::None, None);
    let session = open(&account, None).0.unwrap();
    assert!(session.described().relay.ends_with(&good.port.to_string()));
    session.quit();
    assert_eq!(good.received(), ["EHLO box.home.lan", "QUIT"]);
    assert_eq!(refusing.received(), ["QUIT"]);
    assert!(busy.received().is_empty() && foreign.received().is_empty());
}

#[test]
fn the_failure_that_got_furthest_is_told() {
    let busy = Scripted::play(|peer| peer.say("421 too many connections"));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let failure = open(&account(&[busy.port, closed], TlsMode::None, None), None).0.err().unwrap();
    assert_eq!(failure.fact.phase, Phase::Greeting);
    assert!(failure.relay.ends_with(&busy.port.to_string()));
    let failure = open(&account(&[closed], TlsMode::None, None), None).0.err().unwrap();
    assert!(matches!(failure.fact.seen, Seen::Failed(text) if text.contains("refused")));
}

#[test]
fn helo_where_ehlo_is_refused_and_nothing_more_is_needed() {
    let server = Scripted::play(|peer| {
        peer.say("220 old");
        peer.answer("502 what");
        peer.answer("250 hello");
        peer.hear();
    });
    let account = plain(&server);
    assert!(open(&account, None).0.is_ok());
    assert_eq!(server.received(), ["EHLO box.home.lan", "HELO box.home.lan"]);
}

#[test]
fn replies_byte_by_byte_and_with_bare_line_feeds() {
    let server = Scripted::play(|peer| {
        for byte in b"220-mail\r\n220 isp\xff\0\r\n" {
            peer.raw(&[*byte]);
            std::thread::sleep(Duration::from_millis(2));
        }
        peer.hear();
        peer.raw(b"250-x\n250 SIZE 7\n");
        peer.hear();
    });
    let session = open(&plain(&server), None).0.unwrap();
    assert_eq!(session.capabilities.size, crate::deliver::smtp::capabilities::Size::Limit(7));
    drop(session);
    server.received();
}

#[test]
fn endless_replies_and_silence_end_the_session_in_time() {
    let endless = |line: &'static [u8]| {
        Scripted::play(move |peer| {
            for _ in 0..100_000 {
                peer.raw(line);
            }
        })
    };
    for line in [&b"220-more to come\r\n"[..], &[b'2'; 1000]] {
        let (phase, seen) = refusal(&plain(&endless(line)), None);
        assert!(matches!((phase, &seen), (Phase::Greeting, Seen::Garbage(_))), "{seen:?}");
    }
    // The limit is for the whole reply: a byte now and then does not prolong it.
    let trickle = Scripted::play(|peer| {
        for _ in 0..40 {
            peer.raw(b"2");
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let account = Account { timeout: Some(Duration::from_millis(300)), ..plain(&trickle) };
    let start = Instant::now();
    assert_eq!(refusal(&account, None), (Phase::Greeting, Seen::Timeout));
    assert!(start.elapsed() < Duration::from_millis(1500));
}
