//! The files of a message that a worker attempts: envelope, journal, and content as it is sent.

use std::io;

use crate::deliver::outgoing::{NotReady, OutgoingMessage};
use crate::deliver::plan::Plan;
use crate::rules::outbound::Generic;
use crate::rules::route::Why;
use crate::runner::message::OpenMessage;
use crate::spool::journal::Journal;
use crate::spool::{MessageId, Spool, SpoolError, Stored};

/// The message and its journal.
pub(super) fn read(spool: &Spool, id: &MessageId) -> Result<(Stored, Journal), SpoolError> {
    let mut stored = spool.open_message(id)?;
    stored.verify()?;
    let journal = Journal::open(spool, id, stored.envelope.recipients.len())?;
    stored.envelope.join(journal.state());
    Ok((stored, journal))
}

/// The text that is sent.
pub(super) fn open_outgoing<'s>(message: &OpenMessage<'s>, plan: &Plan<'_>) -> Result<OutgoingMessage<'s>, NotReady> {
    let tables = message.loaded.leaving();
    let generic = Generic { config: &message.loaded.config, tables: &tables.generic };
    let generic = (plan.why != Why::Local).then_some(&generic);
    OutgoingMessage::open(message.stored, generic, plan.from.as_ref(), plan.account.missing_to)
}

/// The content could not be read.
pub(super) fn unreadable(message: &OpenMessage<'_>, error: io::Error) -> SpoolError {
    let path = message.loaded.spool.dir().join("queue").join(message.stored.envelope.id.as_str());
    SpoolError::Io { action: "read", path, error }
}
