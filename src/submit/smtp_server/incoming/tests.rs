//! Whose fault a refusal is: our own failures are for later (4yz), so that no client gives its message up for them.

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

#[test]
fn a_message_that_is_dropped_before_its_end_is_no_message() {
    let (ended, end) = sync_channel(1);
    let mut message = IncomingMessage::begin(move |mut content| {
        let read = io::copy(&mut content, &mut io::sink());
        let _ = ended.send(read.is_err());
        Ok(String::new())
    })
    .unwrap();
    message.write(b"half").unwrap();
    drop(message);
    assert_eq!(end.recv(), Ok(true), "the end is an error for whoever admits it");
}
