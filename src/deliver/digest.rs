//! A digest: many reports to one sender in one readable message. Built part by part, because there may be thousands.
//! The runner stores it.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::dsn::{Facts, Original, Report, tell_affected};
use super::outgoing::message_id;
use crate::config::Config;
use crate::mail::address::Address;
use crate::mail::header::Header;
use crate::mail::notice::{Cause, Notice};
use crate::mail::printable;
use crate::spool::MessageId;

/// The part about one message.
#[must_use]
pub fn piece(facts: &Facts<'_>) -> String {
    let arrived = facts.original.arrived.to_zoned(TimeZone::system()).strftime("%a, %d %b %Y %H:%M:%S %z");
    let mut text = format!("\nMessage {} of {arrived}\n", facts.original.id);
    if let Original::Header(header) = facts.attached {
        let header = Header::read(header);
        let subject = header.first("Subject").map(|field| one_line(field.value())).unwrap_or_default();
        let _ = writeln!(text, "Subject:    {subject}\nMessage-ID: {}", one_line(message_id(&header).as_bytes()));
    }
    text.push_str(match facts.report {
        Report::Delayed => "is still being retried for:\n",
        Report::Failed | Report::Kept | Report::Relayed | Report::Verified => "could not be delivered to:\n",
    });
    tell_affected(&mut text, facts);
    text
}

/// The digest's content, with CRLF line ends. `pieces` are the parts about this many messages.
#[must_use]
pub fn build(config: &Config, id: &MessageId, to: &Address, at: Timestamp, messages: usize, pieces: &str) -> Vec<u8> {
    let host = &config.hostname;
    let text = format!(
        "This is the mail system of {host}.\n\n\
         Many of your messages had delivery problems within an hour, so they are\n\
         reported together. Undelivered messages will not be tried again; delayed ones\n\
         are retried until they are delivered or returned to you.\n{pieces}"
    );
    let notice = Notice {
        hostname: host,
        to,
        subject: &format!("Undelivered or delayed: {messages} of your messages"),
        message_id: &format!("<{id}@{host}>"),
        at: &at.to_zoned(TimeZone::system()),
        cause: Cause::Message,
    };
    notice.text(&text)
}

fn one_line(value: &[u8]) -> String {
    printable::one_line(String::from_utf8_lossy(value).trim()).chars().take(200).collect()
}
