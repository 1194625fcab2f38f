//! The record that history keeps of a message and its recipients. Pure except for reading the header of a stored
//! message. `spool::history` writes it.

use jiff::Timestamp;

use super::outgoing::{self, HeaderExcerpt};
use crate::mail::header::Header;
use crate::mail::outcome::{Outcome, Status};
use crate::spool::history::{Ended, Finished, Record};
use crate::spool::state::{RecipientState, State};
use crate::spool::{Envelope, Recipient, Stored};

/// The record of a message that is finished.
#[must_use]
pub fn record(envelope: &Envelope, state: &State, now: Timestamp, excerpt: HeaderExcerpt) -> Record {
    let recipients = state
        .each_state(&envelope.recipients)
        .filter_map(|(recipient, its)| Some(finished(recipient, state.account_of(its), its.outcome.as_ref()?)));
    Record {
        id: envelope.id.clone(),
        arrived: envelope.arrived,
        finished: now,
        sender: envelope.sender.to_string(),
        submitted_sender: envelope.submitted_sender.clone(),
        submitter: envelope.submitter.clone(),
        size: envelope.size,
        token: Some(envelope.token.clone()),
        crc32: Some(envelope.crc32),
        message_id: excerpt.message_id,
        subject: excerpt.subject,
        sent_from: state.outcomes().find_map(|outcome| outcome.sent_as.from.clone()),
        recipients: recipients.collect(),
    }
}

/// The same, with subject and Message-ID read from the stored header.
#[must_use]
pub fn of_stored(stored: &Stored, state: &State, now: Timestamp) -> Record {
    // If the header cannot be read any more, the record lacks these two; the message can still leave the queue.
    let header = outgoing::stored_header(stored).unwrap_or_default();
    record(&stored.envelope, state, now, HeaderExcerpt::of(&Header::read(&header)))
}

/// The record of a message that somebody deletes. Recipients without a final outcome are `deleted`.
#[must_use]
pub fn deleted(stored: &Stored, state: &State, now: Timestamp) -> Record {
    let recipient = |(recipient, its): (&Recipient, &RecipientState)| match &its.outcome {
        Some(last) if matches!(last.status, Status::Delivered | Status::Refused) => {
            finished(recipient, state.account_of(its), last)
        }
        Some(last) => Finished { status: Ended::Deleted, ..finished(recipient, state.account_of(its), last) },
        None => Finished {
            address: recipient.address.to_string(),
            relay: "none".to_owned(),
            account: state.account.clone().unwrap_or_default(),
            status: Ended::Deleted,
            dsn: "4.0.0".to_owned(),
            reply: String::new(),
            sent_to: None,
        },
    };
    let recipients = state.each_state(&stored.envelope.recipients).map(recipient).collect();
    Record { recipients, ..of_stored(stored, state, now) }
}

fn finished(recipient: &Recipient, account: Option<&str>, outcome: &Outcome) -> Finished {
    Finished {
        address: recipient.address.to_string(),
        relay: outcome.relay.clone(),
        account: account.unwrap_or_default().to_owned(),
        status: outcome.status.into(),
        dsn: outcome.enhanced.to_string(),
        reply: outcome.reply.clone(),
        sent_to: outcome.sent_as.to.clone(),
    }
}
