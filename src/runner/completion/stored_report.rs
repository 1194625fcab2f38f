//! Reports that a runner stored just before it ended, and that are not in the journal of the message that they are about.
//! They are written there before anything is attempted: once such a report has left, nothing else says that the sender
//! has it, and it would be made again.

use jiff::Timestamp;

use super::due_report;
use crate::log;
use crate::spool::journal::Journal;
use crate::spool::journal_line::Line;
use crate::spool::state::State;
use crate::spool::{Envelope, Kind, MessageId, Spool, SpoolError, Stored};

/// Writes them into the journal of this message, whose state it is given.
pub fn mark(spool: &Spool, stored: &Stored, state: &State) -> Result<(), SpoolError> {
    let envelope = &stored.envelope;
    let due = if state.done { Vec::new() } else { due_report::perhaps_stored(envelope, state) };
    let found: Vec<_> = due.into_iter().filter(|due| is_stored(spool, &due.id, envelope)).collect();
    if found.is_empty() {
        return Ok(());
    }
    let lines: Vec<Line> = found.iter().map(due_report::DueReport::line).collect();
    Journal::open(spool, &envelope.id, envelope.recipients.len())?.append(Timestamp::now(), &lines)?;
    for due in &found {
        log::returned(&envelope.id, &due.id);
    }
    Ok(())
}

/// Whether this report lies in queue/, is about that message, and leaves nothing of it to keep.
///
/// A bounce that was refused for the text that it returns is sent again without it, and is kept for its text. The message that
/// goes instead is smaller than it; were it taken for its report, the bounce would be removed, and the text with it.
fn is_stored(spool: &Spool, report: &MessageId, about: &Envelope) -> bool {
    let is_its = |stored: &Stored| {
        let report = &stored.envelope;
        report.about.as_ref() == Some(&about.id) && (about.kind != Kind::Bounce || report.size >= about.size)
    };
    spool.holds(report) && spool.open_message(report).is_ok_and(|stored| is_its(&stored))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
