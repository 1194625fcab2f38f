//! Whose fault a refusal is: our own failures are for later (4yz), so that no client gives its message up for them.

use std::sync::mpsc::RecvError;

use super::*;
use crate::config::TableFault;
use crate::mail::address::{Address, AddressError};
use crate::spool::SpoolError;

#[test]
fn what_is_our_own_failure_is_for_later_and_what_is_the_clients_is_not() {
    let broken = || io::Error::from(io::ErrorKind::Other);
    let io_error = SpoolError::Io { action: "write", path: "/spool/queue/1".into(), error: broken() };
    let table = EnvelopeError::Table(TableFault("hash:/etc/x: no such file".to_owned()));
    let room = AdmitError::NoRoom { free: 1, least: 2, reserve: 3, place: "/spool".to_owned() };
    for ours in [AdmitError::Spool(io_error), AdmitError::Read(broken()), AdmitError::Envelope(table), room] {
        let (code, enhanced) = codes(&ours);
        assert!((400..500).contains(&code) && enhanced.starts_with("4."), "{ours}: {code} {enhanced}");
    }
    let reason = Address::parse("a").unwrap_err();
    let not_allowed = AdmitError::NotAllowed { login: String::new(), sender: String::new(), account: String::new() };
    let envelopes = [
        EnvelopeError::NoRecipients,
        EnvelopeError::NoUsableRecipient(String::new(), AddressError::BadSyntax),
        EnvelopeError::TooManyRecipients(1),
        EnvelopeError::Expansion(1),
        EnvelopeError::BadSender { text: "a".to_owned(), reason },
    ];
    let theirs = [not_allowed, AdmitError::HeaderTooLong, AdmitError::TooBig(1)];
    for theirs in envelopes.map(AdmitError::Envelope).into_iter().chain(theirs) {
        let (code, enhanced) = codes(&theirs);
        assert!((500..600).contains(&code) && enhanced.starts_with("5."), "{theirs}: {code} {enhanced}");
    }
}

/// What becomes of a message with these pieces that is dropped before its end: whether its admission saw an error.
fn dropped_after(pieces: &[&[u8]]) -> Result<bool, RecvError> {
    let (ended, end) = sync_channel(1);
    let mut message = IncomingMessage::begin(move |mut content| {
        let read = io::copy(&mut content, &mut io::sink());
        let _ = ended.send(read.is_err());
        Ok(String::new())
    });
    for piece in pieces {
        message.write(piece).unwrap();
    }
    drop(message);
    end.recv()
}

#[test]
fn a_message_that_is_dropped_before_its_end_is_no_message() {
    assert_eq!(dropped_after(&[b"half"]), Err(RecvError), "its admission never began");
    let large = [b'x'; 16 << 10];
    assert_eq!(dropped_after(&[&large[..]; 5]), Ok(true), "the end is an error for whoever admits it");
}

#[test]
fn a_message_of_any_length_is_admitted_once_with_all_that_was_written() {
    for pieces in [0, 1, 3, 4, 5, 40] {
        let mut message = IncomingMessage::begin(|mut content| {
            let mut text = Vec::new();
            content.read_to_end(&mut text).unwrap();
            Ok(format!("{} {}", text.len(), crc32fast::hash(&text)))
        });
        let mut all = Vec::new();
        for number in 0..pieces {
            let piece = vec![number; 16 << 10];
            message.write(&piece).unwrap();
            all.extend_from_slice(&piece);
        }
        let expected = format!("{} {}", all.len(), crc32fast::hash(&all));
        assert_eq!(message.finish().unwrap(), expected, "{pieces} pieces");
    }
}

#[test]
fn a_refusal_of_a_message_that_is_too_large_ends_it_while_it_is_written() {
    let mut message = IncomingMessage::begin(|mut content| {
        content.read_exact(&mut vec![0; 70_000]).unwrap();
        Err(Refusal::new(552, "5.3.4", "too much"))
    });
    let piece = [b'x'; 16 << 10];
    let refused = (0..1000).find_map(|_| message.write(&piece).err()).unwrap();
    assert!(refused.text().contains("too much"), "{}", refused.text());
}
