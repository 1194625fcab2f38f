//! Builds digests: reports beyond the hourly limit are collected in one message to their sender.
//! `queue_manager::digests` selects the messages; `deliver::digest` writes the text.
//!
//! The digest's envelope lists the messages that it reports. The digest is stored first; before it is sent, it is
//! recorded in the journal of each of them ([`mark`]). A crash in between does no harm: the next runner finds the
//! digest in the queue and marks the rest.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::dsn;
use crate::control::loaded::Loaded;
use crate::deliver::digest::{self, Piece};
use crate::log;
use crate::runner::result::Addressee;
use crate::spool::journal::Journal;
use crate::spool::journal_line::Line;
use crate::spool::writer::Incoming;
use crate::spool::{Envelope, Kind, MessageId, SpoolError};

/// A digest with more text than this many bytes is full, and another one follows.
const MOST_TEXT: usize = 4 << 20;

/// Whether the digest was recorded in a message's journal.
pub enum Marked {
    /// It was. If the message waits for nothing else, it can leave the queue.
    Yes {
        /// The account of the message.
        account: String,
    },
    /// It already was, or the message is gone.
    Before,
}

/// Records in a message's journal that this digest reports it.
///
/// The line names the digest and not the attempts, because all that the message owed by then is in it.
pub fn mark(loaded: &Loaded, id: &MessageId, digest: &MessageId) -> Result<Marked, SpoolError> {
    let envelope = match loaded.spool.open_message(id) {
        Ok(stored) => stored.envelope,
        Err(SpoolError::Gone(_)) => return Ok(Marked::Before),
        Err(error) => return Err(error),
    };
    let mut journal = Journal::open(&loaded.spool, id, envelope.recipients.len())?;
    if journal.state().owed.is_empty() || journal.state().returned.contains(digest) {
        return Ok(Marked::Before);
    }
    journal.append(Timestamp::now(), &[Line::Digest(digest.clone())])?;
    log::returned(id, digest);
    Ok(Marked::Yes { account: loaded.account_of(&envelope) })
}

/// What became of some messages that owe a report.
#[derive(Debug, Default)]
pub struct Made {
    /// The digest that reports them; `None` if nothing is left to report.
    pub digest: Option<MessageId>,
    /// Messages that could not be read now. They are still owed.
    pub unread: Vec<MessageId>,
}

/// Stores a digest with as many of these messages as fit, and removes them from `ids`.
pub fn make(loaded: &Loaded, to: &Addressee, ids: &mut BTreeSet<MessageId>) -> Result<Made, SpoolError> {
    let (mut pieces, mut reported, mut unread) = (Vec::<Piece>::new(), Vec::new(), Vec::new());
    while pieces.iter().map(Piece::size).sum::<usize>() < MOST_TEXT {
        let Some(id) = ids.first().cloned() else { break };
        match dsn::piece(loaded, &id, &to.to) {
            Ok(Some(piece)) => {
                pieces.push(piece);
                reported.push(id.clone());
            }
            Ok(None) | Err(SpoolError::Gone(_)) => {}
            // Too few descriptors, for example. Nothing else would bring the message up again before the next start.
            Err(error @ SpoolError::Io { .. }) => {
                log::warning(format_args!("{id}: {error}; a later digest will report it"));
                unread.push(id.clone());
            }
            Err(error) => log::warning(format_args!("{id}: {error}; it is not in any digest")),
        }
        ids.remove(&id);
    }
    if reported.is_empty() {
        return Ok(Made { digest: None, unread });
    }
    let stored = store(loaded, to, &pieces, &reported);
    // Nothing was reported, so all of them are still owed. Without this they would be forgotten until the next start.
    if stored.is_err() {
        ids.extend(reported);
        ids.extend(unread.iter().cloned());
    }
    stored.map(|digest| Made { digest: Some(digest), unread })
}

fn store(loaded: &Loaded, to: &Addressee, pieces: &[Piece], reported: &[MessageId]) -> Result<MessageId, SpoolError> {
    let now = Timestamp::now();
    let id = MessageId::fresh(now);
    let content = digest::build(&loaded.config, &id, &to.to, now, pieces);
    let envelope = Envelope {
        submitter: to.submitter.clone(),
        token: format!("digest-{id}"),
        account: to.account.clone(),
        reports: reported.to_vec(),
        ..Envelope::own(id, now, Kind::Digest, loaded.own_recipients(&to.to))
    };
    let mut incoming = Incoming::begin(&loaded.spool, envelope)?;
    incoming.write(&content)?;
    incoming.commit()
}
