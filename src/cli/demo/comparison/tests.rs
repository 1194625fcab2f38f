//! Unit tests of `cli::demo::comparison`.

use super::super::script::{ISP, MAILS, WORK};
use super::*;
use crate::config::Mechanism;
use crate::mail::address::{Address, ReversePath};
use crate::spool::Body;
use crate::submit::smtp_server::dialogue::{Client, Envelope};

/// The personal mail as it should arrive.
pub(in super::super) fn good() -> Received {
    let address = |text: &str| Address::parse(text).unwrap();
    let mail = &MAILS[2];
    let content = format!(
        "From: \"Carol\" <{}>\r\nSubject: {}\r\nDate: Sun, 22 Nov 2026 13:20:55 +0100\r\nMessage-ID: <a@b>\r\n\r\n{}",
        WORK.sent_as,
        mail.subject,
        mail.body.replace('\n', "\r\n")
    );
    Received {
        client: Client {
            binding: None,
            helo: Some("homebox.home.lan".to_owned()),
            tls: Some("TLSv1.3".to_owned()),
            login: Some((WORK.username.to_owned(), Mechanism::Plain)),
        },
        envelope: Envelope {
            sender: ReversePath::Mailbox(address(WORK.sent_as)),
            recipients: mail.recipients.iter().map(|text| address(text)).collect(),
            body: Body::SevenBit,
            utf8: false,
            dsn: crate::mail::dsn::Dsn::default(),
        },
        content: content.into_bytes(),
    }
}

fn faults(account: &'static str, received: Vec<Received>) -> Vec<String> {
    compare(&MAILS[2], "her@home.lan", &[Haul { account, relay: "", received }]).faults
}

#[test]
fn what_is_as_it_should_be_has_no_faults() {
    assert_eq!(faults(WORK.account, vec![good()]), Vec::<String>::new());
}

#[test]
fn every_difference_is_named() {
    assert_eq!(faults(WORK.account, Vec::new()), ["it did not arrive"]);
    assert_eq!(faults(WORK.account, vec![good(), good()]), ["it arrived more than once"]);
    assert_eq!(faults(ISP.account, vec![good()]), ["account should be work, but is isp"]);
    let mut changed = good();
    changed.client = Client::default();
    changed.envelope.sender = ReversePath::Null;
    changed.envelope.recipients.pop();
    changed.content.extend_from_slice(b"x");
    assert_eq!(faults(WORK.account, vec![changed]).len(), 5);
}

#[test]
fn header_and_body_part_at_the_first_empty_line() {
    assert_eq!(split(b"A: b\r\n\r\n\r\nc"), (&b"A: b\r\n"[..], &b"\r\nc"[..]));
    assert_eq!(split(b"A: b\r\n"), (&b"A: b\r\n"[..], &b""[..]));
}
