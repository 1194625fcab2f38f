//! The history record of a message that leaves the queue: what became of each recipient, as
//! the journal has it. Storing it is `spool::history`'s.

use jiff::Timestamp;

use super::outgoing;
use crate::mail::header::Header;
use crate::mail::outcome::Status;
use crate::spool::history::{Ended, Finished, Record};
use crate::spool::journal::State;
use crate::spool::{Envelope, Stored};

/// The record of a message that somebody deletes from the queue: recipients without a final
/// outcome have it as deleted.
#[must_use]
pub fn deleted(stored: &Stored, state: &State, now: Timestamp) -> Record {
    let mut record = of_stored(stored, state, now);
    record.recipients = Vec::new();
    for (recipient, last) in state.each(&stored.envelope.recipients) {
        let kept = last.filter(|o| matches!(o.status, Status::Delivered | Status::Refused)).map(|o| o.status.into());
        record.recipients.push(Finished {
            address: recipient.address.to_string(),
            relay: last.map_or_else(|| "none".to_owned(), |o| o.relay.clone()),
            account: state.account.clone().unwrap_or_default(),
            status: kept.unwrap_or(Ended::Deleted),
            dsn: last.map_or_else(|| "4.0.0".to_owned(), |o| o.enhanced.to_string()),
            reply: last.map_or_else(String::new, |o| o.reply.clone()),
        });
    }
    record
}

/// The record of a message that leaves the queue by itself, read with its Message-ID from its file.
#[must_use]
pub fn of_stored(stored: &Stored, state: &State, now: Timestamp) -> Record {
    let header = outgoing::stored_header(stored).unwrap_or_default();
    record(&stored.envelope, state, now, outgoing::message_id(&Header::read(&header)))
}

/// The same where the Message-ID is known.
#[must_use]
pub fn record(envelope: &Envelope, state: &State, now: Timestamp, message_id: String) -> Record {
    let recipients = state.each(&envelope.recipients).filter_map(|(recipient, outcome)| {
        let outcome = outcome?;
        Some(Finished {
            address: recipient.address.to_string(),
            relay: outcome.relay.clone(),
            account: state.account.clone().unwrap_or_default(),
            status: outcome.status.into(),
            dsn: outcome.enhanced.to_string(),
            reply: outcome.reply.clone(),
        })
    });
    Record {
        id: envelope.id.clone(),
        arrived: envelope.arrived,
        finished: now,
        sender: envelope.sender.to_string(),
        submitted_sender: envelope.submitted_sender.clone(),
        uid: envelope.uid,
        size: envelope.size,
        message_id,
        recipients: recipients.collect(),
    }
}
