//! Stores mail to the postmaster about an event on this machine. The text comes from where the event happens.
//!
//! Such mail has an id by chance: if a crash repeats the event, it is sent twice, which does no harm. It names its
//! account instead of being routed, since the usual account may be the one that is in trouble.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::addressee::postmaster_address;
use crate::control::loaded::Loaded;
use crate::mail::notice::{Cause, Notice};
use crate::mail::stamp;
use crate::mail::submitter::Submitter;
use crate::spool::writer::Incoming;
use crate::spool::{Envelope, Kind, MessageId, SpoolError};

/// What the postmaster is notified of.
pub(crate) struct Event<'a> {
    /// One word for the kind of event, used in the submission's token.
    pub what: &'a str,
    /// Follows the host name in the subject.
    pub subject: &'a str,
    /// The text; lines end with LF.
    pub text: &'a str,
    /// The account that the mail uses.
    pub through: &'a str,
}

/// Stores the mail. Returns `None` if `postmaster` is not an address.
pub(crate) fn tell_postmaster(loaded: &Loaded, event: &Event<'_>) -> Result<Option<MessageId>, SpoolError> {
    let Some(to) = postmaster_address(&loaded.config) else { return Ok(None) };
    let now = Timestamp::now();
    let id = MessageId::fresh(now);
    let envelope = Envelope {
        submitter: Submitter::Local(rustix::process::geteuid().as_raw()),
        token: format!("{}-{id}", event.what),
        account: Some(event.through.to_owned()),
        ..Envelope::own(id.clone(), now, Kind::Notice, loaded.own_recipients(&to))
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
