//! Transactions against scripted servers: a fact per recipient, whatever the server does.

use std::io::Read;
use std::time::Duration;

use crate::config::{Account, TlsMode};
use crate::deliver::smtp::dsn_parameters::{DsnRequest, RecipientWish};
use crate::deliver::smtp::scripted::{Peer, Scripted};
use crate::deliver::smtp::session::tests::{World, open, plain};
use crate::deliver::smtp::session::{Body, Session, Transaction};
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{Fact, Phase, Seen};

const HEADER: &[u8] = b"Subject: hello\r\n";
const BODY: &[u8] = b"\r\n.one\r\n.\r\nQUIT\r\n";

fn send_body(session: &mut Session, recipients: &[&str], body: &dyn Body) -> Vec<Fact> {
    let sender = ReversePath::Mailbox(Address::parse("me@isp.example").unwrap());
    let recipients: Vec<Address> = recipients.iter().map(|r| Address::parse(r).unwrap()).collect();
    session.send(Transaction {
        id: None,
        sender: &sender,
        recipients: &recipients,
        wishes: DsnRequest::default(),
        header: HEADER,
        body,
        size: (HEADER.len() + BODY.len()) as u64,
    })
}

fn send(session: &mut Session, recipients: &[&str]) -> Vec<Fact> {
    send_body(session, recipients, &BODY)
}

/// `phase code` or `phase word` of each fact.
fn shown(facts: &[Fact]) -> Vec<String> {
    facts
        .iter()
        .map(|fact| match &fact.seen {
            Seen::Reply(reply) => format!("{:?} {}", fact.phase, reply.code),
            Seen::Refused(code, _) => format!("{:?} refused {code}", fact.phase),
            Seen::Failed(_)
            | Seen::Unreachable(_)
            | Seen::Garbage(_)
            | Seen::LoginRefused(_)
            | Seen::IssuerBusy(..)
            | Seen::Local(_)
            | Seen::NotOffered(_)
            | Seen::Tls(_) => {
                let word = format!("{:?}", fact.seen);
                format!("{:?} {}", fact.phase, word.split('(').next().unwrap())
            }
            Seen::Closed | Seen::Timeout => format!("{:?} {:?}", fact.phase, fact.seen),
        })
        .collect()
}

/// One transaction with two recipients against a script that begins after EHLO.
fn facts(
    extensions: &'static [&'static str],
    script: impl FnOnce(&mut Peer) + Send + 'static,
) -> (Vec<String>, bool, Vec<String>) {
    let server = Scripted::play(move |peer| {
        peer.welcome(extensions);
        script(peer);
    });
    let account = Account { timeout: Some(Duration::from_millis(700)), ..plain(&server) };
    let mut session = open(&account, None).0.unwrap();
    let facts = shown(&send(&mut session, &["a@x.example", "b@x.example"]));
    let usable = session.is_usable();
    session.quit();
    (facts, usable, server.received())
}

const BOTH: [&[&str]; 2] = [&["8BITMIME", "SIZE 100000"], &["8BITMIME", "SIZE 100000", "PIPELINING"]];

#[test]
fn a_message_for_two_arrives_as_it_is() {
    for extensions in BOTH {
        let (facts, usable, received) = facts(extensions, |peer| {
            for reply in ["250 ok", "250 ok", "250 ok", "354 go"] {
                peer.answer(reply);
            }
            peer.content();
            peer.say("250 2.0.0 queued");
            peer.answer("221 bye");
        });
        assert_eq!(facts, ["FinalDot 250", "FinalDot 250"]);
        assert!(usable);
        assert_eq!(
            received[1..],
            [
                "MAIL FROM:<me@isp.example> SIZE=33",
                "RCPT TO:<a@x.example>",
                "RCPT TO:<b@x.example>",
                "DATA",
                "Subject: hello",
                "",
                "..one",
                "..",
                "QUIT",
                ".",
                "QUIT"
            ]
        );
    }
}

#[test]
fn each_recipient_has_its_own_fact() {
    for extensions in BOTH {
        let (facts, usable, received) = facts(extensions, |peer| {
            for reply in ["250 ok", "550 5.1.1 no", "250 ok", "354 go"] {
                peer.answer(reply);
            }
            peer.content();
            peer.say("451 4.3.0 later");
            peer.answer("221 bye");
        });
        assert_eq!(facts, ["Rcpt 550", "FinalDot 451"]);
        assert!(usable);
        assert!(received.contains(&".".to_owned()));
    }
}

#[test]
fn a_refused_mail_is_everybodys_outcome() {
    for extensions in BOTH {
        let (facts, usable, received) = facts(extensions, |peer| {
            peer.answer("553 5.7.1 not owned");
            while !["QUIT", ""].contains(&peer.answer("503 5.5.1 no").as_str()) {}
        });
        assert_eq!(facts, ["Mail 553", "Mail 553"]);
        assert!(usable);
        assert!(!received.contains(&".".to_owned()) && !received.contains(&"RSET".to_owned()));
    }
}

#[test]
fn where_all_recipients_are_refused_no_content_is_said() {
    for extensions in BOTH {
        let (facts, usable, received) = facts(extensions, |peer| {
            peer.answer("250 ok");
            peer.answer("450 4.2.1 a");
            peer.answer("452 4.5.3 b");
            if peer.answer("554 5.5.1 no recipients") == "DATA" {
                peer.answer("221 bye");
            }
        });
        assert_eq!(facts, ["Rcpt 450", "Rcpt 452"]);
        assert!(usable);
        assert!(!received.iter().any(|line| line.contains("Subject")));
    }
    // Pipelined, a server may still say 354: it gets a lone dot, and the connection ends.
    let (facts, usable, received) = facts(BOTH[1], |peer| {
        for reply in ["250 ok", "550 a", "550 b", "354 go on"] {
            peer.answer(reply);
        }
        peer.answer("250 empty message taken");
        peer.hear();
    });
    assert_eq!(facts, ["Rcpt 550", "Rcpt 550"]);
    assert!(!usable);
    assert_eq!(received.last().unwrap(), ".");
}

#[test]
fn after_a_421_nothing_more_is_said() {
    for (replies, expected) in [
        (&["421 a"][..], ["Mail 421", "Mail 421"]),
        (&["250 ok", "550 no", "421 b"], ["Rcpt 550", "Rcpt 421"]),
        (&["250 ok", "250 ok", "421 b"], ["Rcpt 421", "Rcpt 421"]),
        (&["250 ok", "250 ok", "250 ok", "421 c"], ["Data 421", "Data 421"]),
    ] {
        for extensions in BOTH {
            let (facts, usable, _) = facts(extensions, move |peer| {
                for reply in replies {
                    peer.answer(reply);
                }
            });
            assert_eq!(facts, expected);
            assert!(!usable);
        }
    }
}

#[test]
fn data_refused_and_wrong_codes() {
    for (data, expected, stays) in
        [("451 later", "Data 451", true), ("250 what", "Data Garbage", false), ("334 what", "Data Garbage", false)]
    {
        let (facts, usable, _) = facts(BOTH[1], move |peer| {
            for reply in ["250 ok", "250 ok", "250 ok", data] {
                peer.answer(reply);
            }
            peer.answer("221 bye");
        });
        assert_eq!(facts, [expected, expected]);
        assert_eq!(usable, stays);
    }
}

#[test]
fn closed_or_silent_is_told_with_its_phase() {
    let accepted = |peer: &mut Peer, count: usize| {
        for reply in ["250 ok", "250 ok", "250 ok", "354 go"].iter().take(count) {
            peer.answer(reply);
        }
    };
    for (count, expected) in [(1, "Rcpt Closed"), (3, "Data Closed")] {
        let (facts, usable, _) = facts(BOTH[0], move |peer| accepted(peer, count));
        assert_eq!((facts, usable), (vec![expected.to_owned(); 2], false));
    }
    let (facts_closed, ..) = facts(BOTH[0], move |peer| {
        accepted(peer, 4);
        peer.content();
    });
    assert_eq!(facts_closed, ["FinalDot Closed", "FinalDot Closed"]);
    let (facts_silent, usable, _) = facts(BOTH[0], move |peer| {
        accepted(peer, 4);
        peer.content();
        peer.hear();
    });
    assert_eq!((facts_silent, usable), (vec!["FinalDot Timeout".to_owned(); 2], false));
}

#[test]
fn a_reply_before_its_time_is_not_taken_for_the_last() {
    let (facts, usable, received) = facts(BOTH[1], |peer| {
        for reply in ["250 ok", "250 ok", "250 ok", "354 go\n250 queued already"] {
            peer.answer(reply);
        }
        peer.hear();
    });
    assert_eq!(facts, ["Content Garbage", "Content Garbage"]);
    assert!(!usable);
    assert!(!received.iter().any(|line| line.contains("Subject")));
}

/// Endless content, as far as a test goes.
#[derive(Clone, Copy)]
struct Large(usize);

impl Body for Large {
    fn open(&self) -> std::io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(*self))
    }
}

impl Read for Large {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let line = b"0123456789012345678901234567890123456789012345678901234567890\r\n";
        let count = self.0.min(buffer.len() / line.len() * line.len());
        for (at, byte) in buffer[..count].iter_mut().enumerate() {
            *byte = line[at % line.len()];
        }
        self.0 -= count;
        Ok(count)
    }
}

#[test]
fn what_a_server_says_before_it_closes_amid_the_content_is_read() {
    let server = Scripted::play(|peer| {
        peer.welcome(&["PIPELINING"]);
        for reply in ["250 ok", "250 ok", "354 go"] {
            peer.answer(reply);
        }
        peer.hear();
        peer.say("552 5.3.4 too large");
    });
    let mut session = open(&plain(&server), None).0.unwrap();
    let facts = send_body(&mut session, &["a@x.example"], &Large(30_000_000));
    assert_eq!(shown(&facts), ["Content 552"]);
    assert!(!session.is_usable());
    server.received();
}

#[test]
fn one_message_after_the_other_over_tls_however_large() {
    let world = World::new();
    let tls = world.server("127.0.0.1");
    let server = Scripted::play(move |peer| {
        peer.start_tls(&tls);
        peer.welcome(&["PIPELINING"]);
        for _ in 0..2 {
            for reply in ["250 ok", "250 ok", "354 go"] {
                peer.answer(reply);
            }
            peer.content();
            peer.say("250 ok");
        }
        peer.answer("221 bye");
    });
    let mut session = open(&world.account(&server, TlsMode::Implicit), None).0.unwrap();
    for size in [630, 630_000] {
        let facts = send_body(&mut session, &["a@x.example"], &Large(size));
        assert_eq!(shown(&facts), ["FinalDot 250"]);
    }
    session.quit();
    let received = server.received();
    // Ten and ten thousand lines of 63 octets; two headers; three commands and a dot each; EHLO and QUIT.
    assert_eq!(received.len(), 10 + 10_000 + 2 + 8 + 2);
}

#[test]
fn a_message_that_cannot_be_read_is_never_ended() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk on fire"))
        }
    }
    /// Good when it is looked through, bad when it is sent.
    struct Failing(std::cell::Cell<bool>);
    impl Body for Failing {
        fn open(&self) -> std::io::Result<Box<dyn Read + '_>> {
            if self.0.replace(true) { Ok(Box::new(Broken)) } else { Ok(Box::new(BODY)) }
        }
    }
    let broken = Failing(std::cell::Cell::new(false));
    let server = Scripted::play(|peer| {
        peer.welcome(&["PIPELINING"]);
        for reply in ["250 ok", "250 ok", "354 go"] {
            peer.answer(reply);
        }
        peer.content();
    });
    let mut session = open(&plain(&server), None).0.unwrap();
    let facts = send_body(&mut session, &["a@x.example"], &broken);
    assert_eq!(shown(&facts), ["Content Local"]);
    session.quit();
    assert!(!server.received().contains(&".".to_owned()));
}

#[test]
fn a_message_over_the_announced_size_is_not_tried() {
    let (facts, usable, received) = facts(&["SIZE 20"], |peer| {
        peer.answer("221 bye");
    });
    assert_eq!(facts, ["Mail refused 5.3.4", "Mail refused 5.3.4"]);
    assert!(usable);
    assert_eq!(received[1..], ["QUIT"]);
}

#[test]
fn addresses_that_the_server_cannot_take_concern_only_themselves() {
    let server = Scripted::play(|peer| {
        peer.welcome(&[]);
        for reply in ["250 ok", "250 ok", "354 go"] {
            peer.answer(reply);
        }
        peer.content();
        peer.say("250 ok");
        peer.hear();
    });
    let mut session = open(&plain(&server), None).0.unwrap();
    let facts = send(&mut session, &["j\u{f6}rg@x.example", "\"a b\"@x.example", "a@x.example"]);
    assert_eq!(shown(&facts), ["Rcpt refused 5.6.7", "Rcpt refused 5.1.3", "FinalDot 250"]);
    drop(session);
    assert_eq!(server.received()[1..3], ["MAIL FROM:<me@isp.example>", "RCPT TO:<a@x.example>"]);
}

#[test]
fn many_recipients_go_in_groups_and_rset_only_where_it_is_needed() {
    let server = Scripted::play(|peer| {
        peer.welcome(&["PIPELINING"]);
        peer.answer("250 ok");
        for at in 0..120 {
            peer.answer(if at % 2 == 0 { "250 ok" } else { "550 no" });
        }
        peer.answer("451 later");
        for reply in ["250 reset", "250 ok", "250 ok", "354 go"] {
            peer.answer(reply);
        }
        peer.content();
        peer.say("250 ok");
        peer.hear();
    });
    let mut session = open(&plain(&server), None).0.unwrap();
    let names: Vec<String> = (0..120).map(|at| format!("r{at}@x.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let facts = shown(&send(&mut session, &names));
    assert!(facts.iter().step_by(2).all(|fact| fact == "Data 451"));
    assert!(facts.iter().skip(1).step_by(2).all(|fact| fact == "Rcpt 550"));
    assert_eq!(shown(&send(&mut session, &["a@x.example"])), ["FinalDot 250"]);
    drop(session);
    let received = server.received();
    assert_eq!(received.iter().filter(|line| *line == "RSET").count(), 1);
}

#[test]
fn news_on_an_idle_connection_are_not_the_messages() {
    for (reply, expected) in [(Some("421 idle too long"), "Idle 421"), (None, "Idle Closed")] {
        let server = Scripted::play(move |peer| {
            peer.welcome(&[]);
            if let Some(reply) = reply {
                peer.say(reply);
            }
        });
        let mut session = open(&plain(&server), None).0.unwrap();
        server.received();
        let facts = send(&mut session, &["a@x.example"]);
        assert_eq!(shown(&facts), [expected]);
        assert_eq!(facts[0].phase, Phase::Idle);
        assert!(!session.is_usable());
    }
}

#[test]
fn what_the_submitter_wants_to_be_told_of_goes_out_where_dsn_is_offered() {
    for (offered, mail, rcpt) in [
        (&["PIPELINING", "DSN"][..], " RET=HDRS ENVID=a+2Bb", " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@x.example"),
        (&["PIPELINING"], "", ""),
    ] {
        let server = Scripted::play(move |peer| {
            peer.welcome(offered);
            for reply in ["250 ok", "250 ok", "354 go"] {
                peer.answer(reply);
            }
            peer.content();
            peer.say("250 queued");
            peer.answer("221 bye");
        });
        let mut session = open(&plain(&server), None).0.unwrap();
        assert_eq!(session.described().dsn, !mail.is_empty());
        let recipient = RecipientWish {
            notify: Some("success,failure"),
            orcpt: Some("rfc822;o@x.example"),
            ..RecipientWish::default()
        };
        let facts = session.send(Transaction {
            id: None,
            sender: &ReversePath::Mailbox(Address::parse("me@isp.example").unwrap()),
            recipients: &[Address::parse("a@x.example").unwrap()],
            wishes: DsnRequest { ret: Some("hdrs"), envid: Some("a+b"), recipients: vec![recipient] },
            header: HEADER,
            body: &BODY,
            size: (HEADER.len() + BODY.len()) as u64,
        });
        assert_eq!(shown(&facts), ["FinalDot 250"]);
        session.quit();
        let received = server.received();
        assert!(received.contains(&format!("MAIL FROM:<me@isp.example>{mail}")), "{received:?}");
        assert!(received.contains(&format!("RCPT TO:<a@x.example>{rcpt}")), "{received:?}");
    }
}
