//! Mail of a flood that leaves as one message: a multipart/digest with each original whole in it. `rules::flood` decides which mail,
//! `queue_manager::floods` when.
//!
//! The originals stay in the queue until a server has accepted the digest; its envelope names them, so that the next runner knows what
//! is on its way. A crash between that and the lines in their journals sends them once more; none is lost.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::control::loaded::Loaded;
use crate::control::modify;
use crate::deliver::outgoing::{self, HeaderExcerpt};
use crate::log;
use crate::mail::header::Header;
use crate::mail::outcome::{DsnSender, Enhanced, Outcome, SentAs, Status};
use crate::mail::stamp;
use crate::spool::history::FLOOD_TOKEN;
use crate::spool::journal::Journal;
use crate::spool::journal_line::Line;
use crate::spool::state::State;
use crate::spool::writer::Incoming;
use crate::spool::{Envelope, Kind, MessageId, SpoolError, Stored};

/// Begins the reason of a message that waits for others. A later runner knows it by that.
const GATHERED: &str = "similar mail is sent together";
/// A digest with more octets than this is full.
const MOST_OCTETS: u64 = 4 << 20;

/// How a digest stood when it was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// It was to be sent.
    Waiting,
    /// It was held.
    Held,
}

/// Whether a message waits to leave with others.
#[must_use]
pub fn is_gathered(state: &State) -> bool {
    let [recipient] = state.recipients.as_slice() else { return false };
    recipient.is_pending() && recipient.outcome.as_ref().is_some_and(|outcome| outcome.reply.starts_with(GATHERED))
}

/// Whether a message is a digest of others. It is ours, and did not come in.
#[must_use]
pub fn is_digest(envelope: &Envelope) -> bool {
    envelope.kind == Kind::Mail && !envelope.reports.is_empty()
}

/// Says in the message's journal that it waits, for `queue list`. Losing that costs nothing, so it is not synced.
pub fn gather(loaded: &Loaded, id: &MessageId, until: Timestamp) -> Result<(), SpoolError> {
    let at = until.to_zoned(TimeZone::system()).strftime("%H:%M");
    let reason =
        format!("{GATHERED}: more than `per_hour` in [flood] within an hour; it is sent in one message at {at}");
    let mut journal = Journal::open(&loaded.spool, id, 1)?;
    journal.hint(Timestamp::now(), &Line::Outcome { recipient: 0, outcome: outcome(Status::Deferred, 4, reason) })
}

fn outcome(status: Status, class: u8, reply: String) -> Outcome {
    Outcome {
        status,
        code: None,
        enhanced: Enhanced { class, subject: 0, detail: 0 },
        reply,
        relay: "none".to_owned(),
        dsn_sender: DsnSender::Us,
        cure: None,
        sent_as: SentAs::default(),
    }
}

/// Stores a digest of as many of these messages as fit, and removes them from `ids`; `None` where fewer than two are left, which
/// then stay in `ids`.
pub fn make(loaded: &Loaded, ids: &mut BTreeSet<MessageId>) -> Result<Option<MessageId>, SpoolError> {
    let (mut parts, mut octets) = (Vec::<Stored>::new(), 0);
    for id in ids.clone() {
        match waiting(loaded, &id) {
            Ok(Some(stored)) => {
                octets += stored.envelope.size;
                if octets > MOST_OCTETS && !parts.is_empty() {
                    break;
                }
                parts.push(stored);
            }
            // Deleted, held, or sent in the meantime.
            Ok(None) | Err(SpoolError::Gone(_)) => drop(ids.remove(&id)),
            Err(error) => return Err(error),
        }
    }
    if parts.len() < 2 {
        return Ok(None);
    }
    let digest = store(loaded, &parts)?;
    for part in &parts {
        ids.remove(&part.envelope.id);
    }
    Ok(Some(digest))
}

/// The message, if it still waits for others.
fn waiting(loaded: &Loaded, id: &MessageId) -> Result<Option<Stored>, SpoolError> {
    let stored = loaded.spool.open_message(id)?;
    let state = Journal::peek(&loaded.spool, id, stored.envelope.recipients.len())?;
    Ok((!state.held && !state.done && state.recipients.iter().any(crate::spool::state::RecipientState::is_pending))
        .then_some(stored))
}

fn store(loaded: &Loaded, parts: &[Stored]) -> Result<MessageId, SpoolError> {
    let now = Timestamp::now();
    let id = MessageId::fresh(now);
    let [first, ..] = parts else { return Err(SpoolError::Gone(id)) };
    let of_first = &first.envelope;
    let mut recipients = of_first.recipients.clone();
    for recipient in &mut recipients {
        // If it is refused, the originals are sent by themselves, and each has its own report.
        recipient.notify = Some("NEVER".to_owned());
    }
    let to = of_first.recipients.first().map(|one| one.address.to_string()).unwrap_or_default();
    let envelope = Envelope {
        submitter: of_first.submitter.clone(),
        token: format!("{FLOOD_TOKEN}{id}"),
        reports: parts.iter().map(|part| part.envelope.id.clone()).collect(),
        // All of them go through the same account; if it was asked for, their sender may have another one.
        account: parts.iter().find_map(|part| part.envelope.account.clone()),
        ..Envelope::mail(id.clone(), now, of_first.sender.clone(), recipients)
    };
    let at = now.to_zoned(TimeZone::system());
    let boundary = format!("postrider-{id}");
    let header = format!(
        "From: {}\r\nTo: {to}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: {}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/digest; boundary=\"{boundary}\"\r\n\r\n",
        of_first.sender,
        subject(parts, first),
        stamp::date(&at),
        stamp::message_id(&at, id.as_str(), &loaded.config.hostname),
    );
    let mut incoming = Incoming::begin(&loaded.spool, envelope)?;
    incoming.write(header.as_bytes())?;
    for part in parts {
        incoming.write(format!("--{boundary}\r\n\r\n").as_bytes())?;
        incoming.write(&part.whole_content()?)?;
        incoming.write(b"\r\n")?;
    }
    incoming.write(format!("--{boundary}--\r\n").as_bytes())?;
    incoming.commit()
}

/// How many, and the subject of the first as far as it is ASCII.
fn subject(parts: &[Stored], first: &Stored) -> String {
    let header = outgoing::stored_header(first).unwrap_or_default();
    let subject = HeaderExcerpt::of(&Header::read(&header)).subject.unwrap_or_default();
    let plain: String =
        subject.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).take(200).collect();
    format!("{} messages: {plain}", parts.len())
}

/// Removes a digest that nobody is sending, because one of its originals is to be changed.
pub fn withdraw(loaded: &Loaded, digest: &MessageId) -> Result<Withdrawn, SpoolError> {
    let stored = match loaded.spool.open_message(digest) {
        Err(SpoolError::Gone(_)) => return Ok(Withdrawn::Waiting),
        opened => opened?,
    };
    let state = Journal::peek(&loaded.spool, digest, stored.envelope.recipients.len())?;
    modify::delete(loaded, &stored)?;
    Ok(if state.held { Withdrawn::Held } else { Withdrawn::Waiting })
}

/// Holds an original of a digest that was held.
pub fn hold(loaded: &Loaded, id: &MessageId) -> Result<(), SpoolError> {
    let Some(stored) = waiting(loaded, id).or_else(gone)? else { return Ok(()) };
    Journal::open(&loaded.spool, id, stored.envelope.recipients.len())?.append(Timestamp::now(), &[Line::Hold])?;
    log::held(id, None);
    Ok(())
}

/// Records that the digest brought the message to its recipient. Returns its account: it only has to leave the queue.
pub fn finish(loaded: &Loaded, id: &MessageId, digest: &MessageId) -> Result<Option<String>, SpoolError> {
    note(loaded, id, &outcome(Status::Delivered, 2, format!("sent whole in message {digest}")))
}

/// Records that the message is sent by itself after all. Returns its account.
pub fn release(loaded: &Loaded, id: &MessageId) -> Result<Option<String>, SpoolError> {
    note(loaded, id, &outcome(Status::Deferred, 4, "it could not be sent together with similar mail".to_owned()))
}

fn note(loaded: &Loaded, id: &MessageId, outcome: &Outcome) -> Result<Option<String>, SpoolError> {
    let Some(stored) = waiting(loaded, id).or_else(gone)? else { return Ok(None) };
    let mut journal = Journal::open(&loaded.spool, id, stored.envelope.recipients.len())?;
    journal.append(Timestamp::now(), &[Line::Outcome { recipient: 0, outcome: outcome.clone() }])?;
    Ok(Some(loaded.account_of(&stored.envelope)))
}

fn gone(error: SpoolError) -> Result<Option<Stored>, SpoolError> {
    if matches!(error, SpoolError::Gone(_)) { Ok(None) } else { Err(error) }
}
