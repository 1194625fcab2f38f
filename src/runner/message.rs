//! A message being processed: opened once, with its journal, and passed through the attempt and its settlement.

use jiff::Timestamp;

use super::durability::UnsyncedGuard;
use crate::control::loaded::Loaded;
use crate::deliver::outgoing::HeaderExcerpt;
use crate::log;
use crate::mail::outcome::Outcome;
use crate::spool::journal::Journal;
use crate::spool::{MessageId, Spool, SpoolError, Stored};

/// A message with everything that is needed to record its outcomes.
pub struct OpenMessage<'a> {
    /// Configuration, tables, spool and clock as of the start of the attempt.
    pub loaded: &'a Loaded,
    /// The message file.
    pub stored: &'a Stored,
    /// Its journal. Only the holder of the runner's lock has it open for writing.
    pub journal: Journal,
    /// Start of the attempt by the wall clock, as written to the journal.
    pub now: Timestamp,
}

/// Outcomes for some recipients, from a relay or our own.
#[derive(Debug)]
pub struct Attempt {
    /// Account name.
    pub account: String,
    /// The relay as `host[ip]:port`, or `none`.
    pub relay: String,
    /// Outcomes by recipient index in the envelope.
    pub outcomes: Vec<(usize, Outcome)>,
    /// Whether these are the first outcomes of their attempt.
    pub begins: bool,
    /// Whether the attempt has no further recipients.
    pub ends: bool,
    /// Drop it once the outcomes are on disk.
    pub unsynced: UnsyncedGuard,
}

/// An attempt that a relay answered and that is not recorded yet.
pub struct AnsweredAttempt {
    /// The message's journal.
    pub journal: Journal,
    /// The parts of its header that history keeps.
    pub excerpt: HeaderExcerpt,
    /// Start of the attempt.
    pub now: Timestamp,
    /// The outcomes.
    pub attempt: Attempt,
}

/// Moves a damaged message to failed/. The damage is the reason.
pub fn set_aside(spool: &Spool, id: &MessageId, damage: &SpoolError) -> Result<(), SpoolError> {
    set_aside_because(spool, id, &damage.to_string())
}

/// Moves a message to failed/, with a reason.
pub fn set_aside_because(spool: &Spool, id: &MessageId, reason: &str) -> Result<(), SpoolError> {
    spool.set_aside(id, reason)?;
    log::set_aside(id, reason);
    Ok(())
}
