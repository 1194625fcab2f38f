//! Reports by mail that a message was not accepted (`-oem`): the reason, and as much of the message as there is. The
//! runner reports failures of accepted messages.
//!
//! Such a report is needed where the caller cannot be told by an exit code any more: the submission was accepted by
//! the drop program, or the caller asked for mail (`-oem`). It goes to an address of this machine only. The sender of
//! a message that was never checked may be anybody's, and a report to it would be backscatter.

use std::io::Read;

use jiff::Zoned;

use super::complete::{self, AdmissionContext};
use super::context::{Author, Entry};
use super::store::{AdmitError, Chance, DiskBudget, MessageIds, Store, write_body};
use crate::config::{self, ArrivalTables};
use crate::mail::address::{Address, ReversePath};
use crate::mail::header::Header;
use crate::mail::notice::{self, Cause, Notice, PartType};
use crate::mail::printable;
use crate::mail::stamp;
use crate::rules::inbound::Arrival;
use crate::rules::own_sender::OwnAddresses;
use crate::spool::{Envelope, Kind, MessageId, Recipient};
use crate::submit::frontend::collect::{Collected, Sender};

/// A message that cannot be sent.
#[derive(Debug)]
pub struct Failed<'a, R> {
    /// The error as it would be printed.
    pub why: &'a str,
    /// The requested envelope sender.
    pub sender: &'a Sender,
    /// What the report returns of the message.
    pub rest: Rest<'a, R>,
}

/// What a report returns of a message.
#[derive(Debug)]
pub enum Rest<'a, R> {
    /// Nothing, because its header could not be read.
    Nothing,
    /// Its header, because its body is too large.
    Header(&'a Header),
    /// The whole message.
    Whole(&'a mut Collected<R>),
}

/// Stores a report to the sender, with these ids. `None` if nobody can be notified.
pub fn mail_back<R: Read>(
    failed: Failed<'_, R>,
    naming: MessageIds,
    entry: &Entry<'_>,
) -> Result<Option<MessageId>, AdmitError> {
    let Entry { config, spool, author, now, reserve, .. } = *entry;
    let blank = Envelope { kind: Kind::Bounce, ..blank(naming, author, now) };
    let id = blank.id.clone();
    // An unavailable table must not prevent this report, so its sender is not looked up.
    let tables = ArrivalTables::default();
    let arrival = Arrival { config, tables: &tables, include: config::included };
    let occasion = AdmissionContext { config, author, now, id: &id, arrival };
    let mailbox = |asked: &Sender| occasion.sender(asked).ok().and_then(|sender| sender.mailbox().cloned());
    // The null sender gets no report (RFC 5321 section 6.1), nor does one that cannot be read.
    let Some(sender) = mailbox(failed.sender) else { return Ok(None) };
    // A sender that is not an address of this machine may be forged.
    // The sender first, and else the user under whose login it was submitted, who is known for certain.
    let mut readers = [Some(sender), mailbox(&Sender::Login)].into_iter().flatten();
    let Some(to) = readers.find(|reader| is_own_sender(reader, entry)) else { return Ok(None) };
    // Random, unlike the envelope's token, which another user may have chosen to match the content.
    let boundary = format!("{}/{}", Chance::draw()?.token, config.hostname);
    let envelope = Envelope { recipients: recipients(&to, entry), ..blank };
    let mut store = Store::begin(spool, envelope, DiskBudget::of(&config.queue).but(reserve))?;
    store.write_stamped(&opening(&occasion, &to, &boundary, failed.why))?;
    match failed.rest {
        Rest::Nothing => {}
        Rest::Header(header) => {
            store.write(notice::part_head(&boundary, PartType::Header).as_bytes())?;
            store.write(&occasion.foreign_header(header))?;
        }
        Rest::Whole(message) => {
            store.write(notice::part_head(&boundary, PartType::Message).as_bytes())?;
            store.write(&occasion.foreign_header(&message.header))?;
            write_body(&mut message.body, |bytes| store.write(bytes))?;
        }
    }
    store.write(notice::end(&boundary).as_bytes())?;
    store.commit().map(Some)
}

fn is_own_sender(sender: &Address, entry: &Entry<'_>) -> bool {
    let Entry { config, tables, .. } = *entry;
    tables.arriving(config, |arrival| {
        tables.leaving(config, |tables| OwnAddresses { config, generic: &tables.generic, arrival }.include(sender))
    })
}

fn opening(occasion: &AdmissionContext<'_>, to: &Address, boundary: &str, why: &str) -> Vec<u8> {
    let AdmissionContext { config, now, id, .. } = occasion;
    let hostname = &config.hostname;
    let why = printable::one_line(why);
    let notice = Notice {
        hostname,
        to,
        subject: "Mail could not be sent",
        message_id: &stamp::message_id(now, id.as_str(), hostname),
        at: now,
        cause: Cause::Message,
    };
    let text = format!(
        "This is the mail system of {hostname}.\n\n\
         A message that was submitted under your login could not be sent:\n\n    {why}\n\n\
         The part that was received is attached.\n"
    );
    notice.with_parts(notice::Kind::Mixed, boundary, &text)
}

/// The envelope of a report to this address.
#[must_use]
pub fn envelope(to: &Address, naming: MessageIds, entry: &Entry<'_>) -> Envelope {
    Envelope { recipients: recipients(to, entry), kind: Kind::Notice, ..blank(naming, entry.author, entry.now) }
}

/// Stores a complete report.
pub fn store(report: Envelope, content: &[u8], entry: &Entry<'_>) -> Result<MessageId, AdmitError> {
    let Entry { config, spool, reserve, .. } = *entry;
    let mut store = Store::begin(spool, report, DiskBudget::of(&config.queue).but(reserve))?;
    store.write(content)?;
    store.commit()
}

fn recipients(to: &Address, entry: &Entry<'_>) -> Vec<Recipient> {
    entry.tables.arriving(entry.config, |tables| complete::own_recipients(entry.config, tables, to))
}

/// An envelope with the null sender and without recipients.
#[must_use]
pub fn blank(naming: MessageIds, author: Author<'_>, now: &Zoned) -> Envelope {
    let MessageIds { id, token } = naming;
    Envelope {
        submitter: author.submitter(),
        token,
        ..Envelope::mail(id, now.timestamp(), ReversePath::Null, Vec::new())
    }
}
