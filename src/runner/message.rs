//! A message that is being worked on: opened once, with its journal, and handed through the attempt and its settling.

use jiff::Timestamp;

use super::durability::UnsyncedGuard;
use crate::control::loaded::Loaded;
use crate::deliver::outgoing::HeaderExcerpt;
use crate::log;
use crate::mail::outcome::Outcome;
use crate::spool::journal::Journal;
use crate::spool::{MessageId, Spool, SpoolError, Stored};

/// A message with what is needed to record what becomes of it.
pub struct OpenMessage<'a> {
    /// Config, tables, spool and clock, as they were when the attempt began.
    pub loaded: &'a Loaded,
    /// The message.
    pub stored: &'a Stored,
    /// Its journal; only the holder of the runner's lock has one open.
    pub journal: Journal,
    /// When the attempt began, by the wall clock, as the journal has it.
    pub now: Timestamp,
}

/// What a relay, or we ourselves, said of some recipients.
#[derive(Debug)]
pub struct Attempt {
    /// Account name.
    pub account: String,
    /// `host[ip]:port` or `none`.
    pub relay: String,
    /// Per recipient, by index in the envelope.
    pub outcomes: Vec<(usize, Outcome)>,
    /// Whether these are the first recipients of their attempt.
    pub begins: bool,
    /// Whether no recipient of the attempt is left after these.
    pub ends: bool,
    /// Dropped once the outcomes are on disk.
    pub unsynced: UnsyncedGuard,
}

/// An attempt that a relay has answered and that is not recorded yet.
pub struct AnsweredAttempt {
    /// The message's journal.
    pub journal: Journal,
    /// What history keeps of its header.
    pub excerpt: HeaderExcerpt,
    /// When the attempt began.
    pub now: Timestamp,
    /// What was answered.
    pub attempt: Attempt,
}

/// Moves what is not a whole message to failed/, with the reason.
pub fn set_aside(spool: &Spool, id: &MessageId, damage: &SpoolError) -> Result<(), SpoolError> {
    set_aside_because(spool, id, &damage.to_string())
}

/// Moves a message to failed/.
pub fn set_aside_because(spool: &Spool, id: &MessageId, reason: &str) -> Result<(), SpoolError> {
    spool.set_aside(id, reason)?;
    log::set_aside(id, reason);
    Ok(())
}
