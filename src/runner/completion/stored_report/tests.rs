//! Which stored reports count as made after a crash.

use super::*;
use crate::mail::address::Address;
use crate::mail::outcome::{DsnSender, Enhanced, Outcome, SentAs, Status};
use crate::spool::Recipient;
use crate::spool::writer::Incoming;

fn store(spool: &Spool, envelope: Envelope, content: &str) -> MessageId {
    let mut incoming = Incoming::begin(spool, envelope).unwrap();
    incoming.write(content.as_bytes()).unwrap();
    incoming.commit().unwrap()
}

/// Whether a bounce that was refused counts as returned, with a report about it of this content.
fn is_returned(report: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path()).unwrap();
    let (now, to) = (Timestamp::now(), Address::parse("boss@away.example").unwrap());
    let id = store(
        &spool,
        Envelope::own(MessageId::fresh(now), now, Kind::Bounce, vec![Recipient::of(&to)]),
        "Subject: x\r\n\r\nThe whole text.\r\n",
    );
    let refused = Outcome {
        status: Status::Refused,
        code: Some(554),
        enhanced: Enhanced { class: 5, subject: 7, detail: 1 },
        reply: "5.7.1 spam".to_owned(),
        relay: "relay".to_owned(),
        dsn_sender: DsnSender::Us,
        cure: None,
        sent_as: SentAs::default(),
    };
    let mut journal = Journal::open(&spool, &id, 1).unwrap();
    let attempt = Line::Attempt { number: 1, account: "isp".to_owned(), relay: "relay".to_owned() };
    journal.append(now, &[attempt, Line::Outcome { recipient: 0, outcome: refused }]).unwrap();
    let stored = spool.open_message(&id).unwrap();
    let due = due_report::failures(&stored.envelope, journal.state()).remove(0);
    let about = Envelope {
        about: Some(id.clone()),
        ..Envelope::own(due.id.clone(), now, Kind::Bounce, vec![Recipient::of(&to)])
    };
    store(&spool, about, report);
    let state = journal.state().clone();
    drop(journal);
    mark(&spool, &stored, &state).unwrap();
    Journal::open(&spool, &id, 1).unwrap().state().returned == [due.id]
}

#[test]
fn a_bounce_that_was_sent_again_without_its_text_is_still_to_be_kept_after_a_crash() {
    assert!(!is_returned("Subject: x\r\n"), "the header alone");
    assert!(is_returned("Subject: Undelivered\r\n\r\nSubject: x\r\n\r\nThe whole text.\r\n"), "all of it");
}
