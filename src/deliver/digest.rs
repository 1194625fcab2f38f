//! A digest: many reports to one sender in one readable message. Built part by part, because there may be thousands.
//! The runner stores it.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::dsn::{self, Facts, Original, Report, tell_affected};
use super::outgoing::message_id;
use crate::config::Config;
use crate::mail::address::Address;
use crate::mail::header::Header;
use crate::mail::notice::{self, Cause, Notice};
use crate::mail::printable;
use crate::spool::MessageId;

/// What a digest has of one message.
#[derive(Debug)]
pub struct Piece {
    /// What became of it.
    pub text: String,
    /// The message, where it is returned: nobody else has its text any more.
    pub original: Option<Vec<u8>>,
}

impl Piece {
    /// In bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.text.len() + self.original.as_ref().map_or(0, Vec::len)
    }
}

/// The text about one message.
#[must_use]
pub fn text(facts: &Facts<'_>) -> String {
    let arrived = facts.original.arrived.to_zoned(TimeZone::system()).strftime("%a, %d %b %Y %H:%M:%S %z");
    let mut text = format!("\nMessage {} of {arrived}\n", facts.original.id);
    if let Original::Header(header) | Original::HeaderOfKept(header) = facts.attached {
        let header = Header::read(header);
        let subject = header.first("Subject").map(|field| one_line(field.value())).unwrap_or_default();
        let _ = writeln!(text, "Subject:    {subject}\nMessage-ID: {}", one_line(message_id(&header).as_bytes()));
    }
    text.push_str(match facts.report {
        Report::Delayed => "is still being retried for:\n",
        Report::Unconfirmed => "is held, because it may have been delivered, for:\n",
        Report::Failed | Report::Kept | Report::Looped | Report::Relayed | Report::Verified => {
            "could not be delivered to:\n"
        }
    });
    tell_affected(&mut text, facts);
    if let Original::HeaderOfKept(_) = facts.attached {
        let _ = write!(text, "\n{}", dsn::too_large(&facts.original.id));
    }
    text
}

/// The digest's content, with CRLF line ends.
#[must_use]
pub fn build(config: &Config, id: &MessageId, to: &Address, at: Timestamp, pieces: &[Piece]) -> Vec<u8> {
    let (host, messages) = (&config.hostname, pieces.len());
    let originals: Vec<&[u8]> = pieces.iter().filter_map(|piece| piece.original.as_deref()).collect();
    let attached = if originals.is_empty() { "" } else { "The undelivered messages are attached.\n" };
    let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    let text = format!(
        "This is the mail system of {host}.\n\n\
         Many of your messages had delivery problems within an hour, so they are\n\
         reported together. Undelivered messages will not be tried again; delayed ones\n\
         are retried until they are delivered or returned to you.\n{attached}{text}"
    );
    let notice = Notice {
        hostname: host,
        to,
        subject: &format!("Undelivered or delayed: {messages} of your messages"),
        message_id: &format!("<{id}@{host}>"),
        at: &at.to_zoned(TimeZone::system()),
        cause: Cause::Message,
    };
    if originals.is_empty() {
        return notice.text(&text);
    }
    let boundary = format!("{id}/{host}");
    let mut content = notice.with_parts(notice::Kind::Mixed, &boundary, &text);
    for original in originals {
        content.extend(dsn::whole(&boundary, original));
    }
    content.extend(notice::end(&boundary).into_bytes());
    content
}

fn one_line(value: &[u8]) -> String {
    printable::one_line(String::from_utf8_lossy(value).trim()).chars().take(200).collect()
}
