//! Storing a mail to postmaster that reports something on this machine. What it says is decided where it happens.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::addressee::postmaster_address;
use crate::control::loaded::Loaded;
use crate::mail::notice::{Cause, Notice};
use crate::mail::stamp;
use crate::mail::submitter::Submitter;
use crate::spool::writer::Incoming;
use crate::spool::{Envelope, Kind, MessageId, SpoolError};

/// What postmaster is told.
pub(crate) struct Event<'a> {
    /// What it is, for the submission's token; one word.
    pub what: &'a str,
    /// Behind the host name in Subject.
    pub subject: &'a str,
    /// The text; lines end in LF.
    pub text: &'a str,
    /// The account that the mail goes through.
    pub through: &'a str,
}

/// Stores the mail; nothing where `postmaster` is no address.
pub(crate) fn tell_postmaster(loaded: &Loaded, event: &Event<'_>) -> Result<Option<MessageId>, SpoolError> {
    let Some(to) = postmaster_address(&loaded.config) else { return Ok(None) };
    let now = Timestamp::now();
    let id = MessageId::fresh(now);
    let envelope = Envelope {
        submitter: Submitter::Local(rustix::process::geteuid().as_raw()),
        token: format!("{}-{id}", event.what),
        account: Some(event.through.to_owned()),
        ..Envelope::own(id.clone(), now, Kind::Notice, &to)
    };
    let hostname = &loaded.config.hostname;
    let at = now.to_zoned(TimeZone::system());
    let notice = Notice {
        hostname,
        to: &to,
        subject: &format!("{hostname}: {}", event.subject),
        message_id: &stamp::message_id(&at, id.as_str(), hostname),
        at: &at,
        cause: Cause::Event,
    };
    let mut incoming = Incoming::begin(&loaded.spool, envelope)?;
    incoming.write(&notice.text(event.text))?;
    incoming.commit().map(Some)
}
