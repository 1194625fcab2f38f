//! One message of the queue in detail, as `queue show` prints it: its envelope, what was tried,
//! its header, and its body on request.

use std::io::{self, BufRead, BufReader, Read};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::access::AccessScope;
use super::listing::{Entry, Item, reason};
use super::message_ids::Place;
use crate::config::mailbox::shown_account;
use crate::mail::outcome::Status;
use crate::mail::printable::printable;
use crate::spool::journal::Journal;
use crate::spool::journal_line::Line;
use crate::spool::{Envelope, MessageId, Spool, SpoolError, Stored};

/// Octets of header that are shown; admission takes no longer one.
const MAX_HEADER: u64 = 2 * 1024 * 1024;

/// The members that a list has, and what a list has no room for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MessageDetail {
    /// As listed.
    #[serde(flatten)]
    pub item: Item,
    /// As stored.
    pub envelope: Envelope,
    /// Why it is in failed/, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Per recipient of the envelope.
    pub outcomes: Vec<Option<RecipientOutcome>>,
    /// Recipients that others have replaced, as indices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<usize>,
    /// What happened, oldest first.
    pub journal: Vec<JournalNote>,
    /// Only under a scope over everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Octets after the header.
    pub body_octets: u64,
    /// What follows the header, where that is requested; only under a scope over everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// How much of the content is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The header, and how long the body is.
    #[default]
    Header,
    /// All of it.
    Body,
}

/// Where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folder {
    Queue,
    Failed,
}

/// The last outcome of a recipient.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecipientOutcome {
    /// What it came to.
    pub status: Status,
    /// The server's code, where it said one.
    pub code: Option<u16>,
    /// RFC 3463.
    pub enhanced: String,
    /// The server's reply, or our reason.
    pub reply: String,
    /// The server, as `host[ip]:port`, or `none`.
    pub relay: String,
    /// All that in one line.
    pub reason: String,
    /// The address that the server was given, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JournalNote {
    /// When.
    pub at: Timestamp,
    /// What, for people.
    pub what: String,
}

impl MessageDetail {
    /// Reads it. A message outside of the scope looks like one that does not exist.
    pub fn read(
        spool: &Spool,
        (id, place): (&MessageId, Place),
        part: Part,
        scope: &AccessScope,
    ) -> Result<Self, SpoolError> {
        let (stored, folder) = open(spool, id, place, scope)?;
        let (entry, failed) = match folder {
            Folder::Queue => (Entry::read(spool, id)?, None),
            Folder::Failed => (Entry::read_failed(spool, id)?, Some(spool.failed_reason(id.as_str()))),
        };
        let unreadable = |error| SpoolError::Io {
            action: "read",
            path: spool.dir().join(if failed.is_some() { "failed" } else { "queue" }).join(id.as_str()),
            error,
        };
        let (header, body_octets) = header(&stored).map_err(unreadable)?;
        let body = match part {
            Part::Body if scope.is_everything() => Some(body(&stored, body_octets).map_err(unreadable)?),
            Part::Body | Part::Header => None,
        };
        let outcomes = entry.state.recipients.iter().map(|recipient| {
            recipient.outcome.as_ref().map(|outcome| RecipientOutcome {
                status: outcome.status,
                code: outcome.code,
                enhanced: outcome.enhanced.to_string(),
                reply: outcome.reply.clone(),
                relay: outcome.relay.clone(),
                reason: reason(outcome),
                sent_to: outcome.sent_as.to.clone(),
            })
        });
        let replaced = entry.state.recipients.iter().enumerate();
        let replaced = replaced.filter_map(|(index, recipient)| recipient.replaced.then_some(index));
        let lines = if failed.is_some() { Journal::lines_failed(spool, id) } else { Journal::lines(spool, id)? };
        let journal =
            lines.iter().map(|(at, line)| JournalNote { at: *at, what: printable(&what(&entry.envelope, line)) });
        Ok(Self {
            item: Item::new(&entry),
            failed,
            outcomes: outcomes.collect(),
            replaced: replaced.collect(),
            journal: journal.collect(),
            header: (scope.is_everything()).then_some(header),
            body_octets,
            body,
            envelope: entry.envelope,
        })
    }
}

/// Opens the message, if the scope covers it. Outside of the scope, it looks like one that does not exist.
fn open(spool: &Spool, id: &MessageId, place: Place, scope: &AccessScope) -> Result<(Stored, Folder), SpoolError> {
    let in_failed = || spool.open_failed(id).map(|stored| (stored, Folder::Failed));
    let opened = match place {
        Place::Failed => in_failed(),
        Place::Anywhere => match spool.open_message(id) {
            Err(SpoolError::Gone(_)) => in_failed(),
            opened => opened.map(|stored| (stored, Folder::Queue)),
        },
    };
    match opened {
        Err(_) if !scope.is_everything() => Err(SpoolError::Gone(id.clone())),
        Ok((stored, _)) if !scope.covers(&stored.envelope.submitter) => Err(SpoolError::Gone(id.clone())),
        opened => opened,
    }
}

/// The header, and how much follows it.
fn header(stored: &Stored) -> io::Result<(String, u64)> {
    let mut content = BufReader::new(stored.content()?).take(MAX_HEADER);
    let (mut text, mut octets, mut line) = (String::new(), 0_u64, Vec::new());
    loop {
        line.clear();
        octets += content.read_until(b'\n', &mut line)? as u64;
        if matches!(line[..], [] | [b'\n'] | [b'\r', b'\n']) {
            return Ok((text, stored.envelope.size.saturating_sub(octets)));
        }
        text.push_str(&String::from_utf8_lossy(&line));
    }
}

/// The last octets of the content.
fn body(stored: &Stored, octets: u64) -> io::Result<String> {
    let mut content = BufReader::new(stored.content()?);
    io::copy(&mut content.by_ref().take(stored.envelope.size.saturating_sub(octets)), &mut io::sink())?;
    let mut body = Vec::new();
    content.read_to_end(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// A line of the journal in words.
fn what(envelope: &Envelope, line: &Line) -> String {
    let address = |recipient: usize| {
        let address = envelope.recipients.get(recipient).map(|r| r.address.to_string());
        address.unwrap_or_else(|| format!("recipient {recipient}"))
    };
    match line {
        Line::Attempt { number, account, relay } => {
            format!("attempt {number}, account {}, relay {relay}", shown_account(account))
        }
        Line::Outcome { recipient, outcome } => {
            format!("{}: {}: {}", address(*recipient), status_word(outcome.status), reason(outcome))
        }
        Line::Next(at) => format!("next attempt not before {}", local(*at)),
        Line::Hold => "held".to_owned(),
        Line::Release => "released".to_owned(),
        Line::Retry => "returned from failed/".to_owned(),
        Line::Returned(id) => format!("bounced to the sender in message {id}"),
        Line::Added(recipient) => {
            format!("{} replaces {} (tables applied again)", recipient.address, recipient.given)
        }
        Line::Replaced(recipient) => format!("{} was replaced", address(*recipient)),
        Line::Warned(id) => format!("delay notice sent in message {id}"),
        Line::Owed(0) => "delay to be reported in a digest".to_owned(),
        Line::Owed(_) => "bounce to be reported in a digest".to_owned(),
        Line::Digest(id) => format!("reported in digest {id}"),
        Line::Done => "finished".to_owned(),
    }
}

/// In a word.
#[must_use]
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Delivered => "delivered",
        Status::Deferred => "deferred",
        Status::Refused => "refused",
        Status::Unknown => "unknown",
    }
}

/// A time as people here read it.
#[must_use]
pub fn local(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}
