//! Whatever a message or an address holds, a server hears the commands that were meant and no other, also when it
//! refuses recipients or DATA, and the content ends once.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use crate::deliver::smtp::dsn_parameters::DsnRequest;
use crate::deliver::smtp::session::Transaction;
use crate::deliver::smtp::session::tests::*;
use crate::mail::address::{Address, ReversePath};

/// What the server says to RCPT and to DATA.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Takes,
    RefusesRecipients,
    RefusesData,
    AnswersDataWrongly,
}

/// Plays a server that ends lines at any LF and content at any lone dot; keeps what it took for commands.
fn server(mood: Mood, extensions: &'static [&'static str], commands: Arc<Mutex<Vec<String>>>) -> Scripted {
    Scripted::play(move |peer| {
        peer.welcome(extensions);
        while let Some(line) = peer.next_line() {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_owned();
            commands.lock().unwrap().push(line);
            match (verb.as_str(), mood) {
                ("QUIT", _) => return peer.say("221 bye"),
                ("RCPT", Mood::RefusesRecipients) => peer.say("550 5.1.1 no"),
                ("DATA", Mood::Takes) => {
                    peer.say("354 go on");
                    while peer.next_line().is_some_and(|line| line != ".") {}
                    peer.say("250 taken");
                }
                ("DATA", Mood::RefusesRecipients) => peer.say("503 5.5.1 nobody"),
                ("DATA", Mood::RefusesData) => peer.say("554 5.6.0 no"),
                _ => peer.say("250 ok"),
            }
        }
    })
}

fn nasty() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n.\r\n".to_vec()),
        Just(b"\n.\n".to_vec()),
        Just(b"\r.\r".to_vec()),
        Just(b"\r\nMAIL FROM:<evil@x.example>\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"Subject: x".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        Just(Mood::Takes),
        Just(Mood::RefusesRecipients),
        Just(Mood::RefusesData),
        Just(Mood::AnswersDataWrongly)
    ]
}

fn offers() -> impl Strategy<Value = &'static [&'static str]> {
    prop_oneof![Just(&["PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING"][..]), Just(&["8BITMIME"][..]), Just(&[][..])]
}

fn is_meant(command: &str) -> bool {
    let path = |text: &str, verb: &str| {
        let inner =
            text.strip_prefix(verb).and_then(|rest| rest.strip_prefix('<')).and_then(|rest| rest.split_once('>'));
        inner.is_some_and(|(path, parameters)| !path.contains("evil") && !parameters.contains('<'))
    };
    matches!(command, "DATA" | "RSET" | "QUIT" | ".") || path(command, "MAIL FROM:") || path(command, "RCPT TO:")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_a_message_or_an_address_is_taken_for_a_command(
        (header, body) in (nasty(), nasty()), local in "[a-z.<>\r\n \u{fc}\"]{1,12}", mood in mood(), offers in offers()
    ) {
        let recipients: Vec<Address> =
            [Address::new(&local, "x.example"), Address::parse("bob@x.example")].into_iter().flatten().collect();
        let commands = Arc::new(Mutex::new(Vec::new()));
        let server = server(mood, offers, Arc::clone(&commands));
        let mut session = open(&plain(&server), None).0.map_err(|not| TestCaseError::fail(format!("{not:?}")))?;
        for _ in 0..2 {
            if !session.is_usable() {
                break;
            }
            session.send(Transaction {
                id: None,
                sender: &ReversePath::Null,
                recipients: &recipients,
                wishes: DsnRequest::default(),
                header: &header,
                body: &body.as_slice(),
                size: (header.len() + body.len()) as u64,
            });
        }
        session.quit();
        server.received();
        let commands = commands.lock().unwrap();
        for command in commands.iter() {
            prop_assert!(is_meant(command), "{command:?} of {commands:?}");
        }
        let count = |verb: &str| commands.iter().filter(|line| line.starts_with(verb)).count();
        prop_assert!(count("MAIL") <= 2 && count("DATA") <= 2 && count("RCPT") <= 2 * recipients.len(), "{commands:?}");
    }
}
