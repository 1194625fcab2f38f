//! Unit tests of `spool::usage`.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::mail::address::ReversePath;
use crate::spool::Envelope;
use crate::spool::writer::Incoming;

fn store(spool: &Spool, random: u16, uid: u32) -> MessageId {
    let id = MessageId::new(1, random);
    let envelope = Envelope {
        submitter: Submitter::Local(uid),
        ..Envelope::mail(id, jiff::Timestamp::now(), ReversePath::Null, Vec::new())
    };
    let mut incoming = Incoming::begin(spool, envelope).unwrap();
    incoming.write(&[b'x'; 1000]).unwrap();
    incoming.commit().unwrap()
}

#[test]
fn a_message_counts_for_its_user_wherever_it_goes_until_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let (first, second) = (store(&spool, 1, 1000), store(&spool, 2, 1000));
    let hers = store(&spool, 3, 1001);
    let two = Usage { messages: 2, octets: 2 * 2024 };
    assert_eq!(spool.load_of(&Submitter::Local(1000)), two);
    spool.set_aside(&first, "no reason").unwrap();
    assert_eq!(spool.load_of(&Submitter::Local(1000)), two);
    // A runner that starts finds the same.
    let fresh = Spool::open(dir.path()).unwrap();
    fresh.count_rest().unwrap();
    fresh.count(&second, &Submitter::Local(1000), 2024);
    fresh.count(&second, &Submitter::Local(1000), 2024);
    assert_eq!(fresh.load_of(&Submitter::Local(1000)), two);
    spool.bring_back(&first).unwrap();
    assert_eq!(spool.load_of(&Submitter::Local(1000)), two);
    spool.remove(&first).unwrap();
    spool.set_aside(&second, "no reason").unwrap();
    spool.remove_failed(second.as_str()).unwrap();
    assert_eq!(spool.load_of(&Submitter::Local(1000)), Usage::default());
    spool.set_aside(&hers, "no reason").unwrap();
    assert_eq!(spool.load_of(&Submitter::Local(1001)).messages, 1);
    spool.age_out(|_, _| true).unwrap();
    assert_eq!(spool.load_of(&Submitter::Local(1001)), Usage::default());
}

#[test]
fn what_was_taken_in_raw_counts_for_whoever_handed_it_in() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let file = spool.begin_raw().unwrap();
    std::io::Write::write_all(&mut file.file(), b"no frame").unwrap();
    spool.keep_raw(file, 1000, "T").unwrap();
    let one = Usage { messages: 1, octets: 8 };
    assert_eq!(spool.load_of(&Submitter::Local(1000)), one);
    spool.set_waiting_aside(Place::Raw, "1000.T", "no frame").unwrap();
    assert_eq!(spool.load_of(&Submitter::Local(1000)), one);
    let fresh = Spool::open(dir.path()).unwrap();
    fresh.count_rest().unwrap();
    assert_eq!(fresh.load_of(&Submitter::Local(1000)), one);
}
