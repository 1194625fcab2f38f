//! Which mail may leave together.

use jiff::Timestamp;

use super::*;
use crate::mail::address::{Address, Mailbox, ReversePath};
use crate::spool::{MessageId, Recipient};

fn envelope() -> Envelope {
    let recipient = Recipient::new(Mailbox::Valid(Address::parse("b@x.example").unwrap()), "b@x.example".to_owned());
    let sender = ReversePath::Mailbox(Address::parse("a@home.lan").unwrap());
    Envelope::mail(MessageId::new(1, 1), Timestamp::UNIX_EPOCH, sender, vec![recipient])
}

fn is_grouped(envelope: &Envelope, header: &str) -> bool {
    flood_key(envelope, &Header::read(header.as_bytes()), "isp").is_some()
}

#[test]
fn what_has_wishes_of_its_own_is_not_similar_to_others() {
    assert!(is_grouped(&envelope(), "Subject: x\r\n") && !is_grouped(&envelope(), "X-Priority: 1\r\n"));
    let mut two = envelope();
    two.recipients.push(two.recipients[0].clone());
    let mut asking = envelope();
    asking.recipients[0].notify = Some("SUCCESS".to_owned());
    let mut named = envelope();
    named.envid = Some("x".to_owned());
    let large = Envelope { size: LARGEST + 1, ..envelope() };
    for other in [two, asking, named, large, Envelope { kind: Kind::Bounce, ..envelope() }] {
        assert!(!is_grouped(&other, "Subject: x\r\n"), "{other:?}");
    }
}
