//! `postrider queue show ID`: one message's envelope, what was tried, its header, and with --body its text.

use std::io::{self, Write};

use jiff::Timestamp;

use super::format::{Format, QueueError};
use crate::control::message_detail::{MessageDetail, Part, local, status_word};
use crate::control::message_ids::Place;
use crate::control::queue_access::QueueAccess;
use crate::mail::printable::printable;
use crate::mail::subject;
use crate::spool::{Body, Envelope, Kind, MessageId};

/// Shows one message.
pub fn show(
    access: &QueueAccess,
    (id, place): (MessageId, Place),
    part: Part,
    format: Format,
    out: &mut impl Write,
) -> Result<(), QueueError> {
    let shown = &access.show(id, place, part)?;
    if part == Part::Body && shown.body.is_none() {
        return Err(QueueError::NoBody);
    }
    match format {
        Format::Text | Format::Mailq => {
            envelope(shown, out)?;
            recipients(shown, out)?;
            if !shown.journal.is_empty() {
                writeln!(out, "Journal:")?;
            }
            for noted in &shown.journal {
                writeln!(out, "  {}  {}", local(noted.at), printable(&noted.what))?;
            }
            if let Some(header) = &shown.header {
                writeln!(out, "Header:")?;
                for line in header.lines() {
                    writeln!(out, "  {}", printable(&line.replace('\t', " ")))?;
                }
            }
            writeln!(out, "Body: {} bytes", shown.body_octets)?;
            for line in shown.body.iter().flat_map(|body| body.lines()) {
                writeln!(out, "  {}", printable(&line.replace('\t', "    ")))?;
            }
        }
        Format::Json => {
            serde_json::to_writer(&mut *out, shown).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(out.flush()?)
}

fn envelope(shown: &MessageDetail, out: &mut impl Write) -> io::Result<()> {
    let MessageDetail { envelope, item, .. } = shown;
    let field = |out: &mut dyn Write, name: &str, value: &str| writeln!(out, "{name:<12}{}", printable(value));
    field(out, "Message:", envelope.id.as_str())?;
    field(out, "Arrived:", &format!("{}, from {}", local(envelope.arrived), envelope.submitter))?;
    field(out, "Sender:", &sender(envelope, item.sent_from.as_deref()))?;
    if let Some(subject) = shown.header.as_deref().and_then(|header| subject::decoded(header.as_bytes())) {
        field(out, "Subject:", &subject)?;
    }
    match (envelope.kind, &envelope.about) {
        (Kind::Mail, _) => {}
        (kind, about) => {
            let about = about.as_ref().map(|id| format!(" about {id}")).unwrap_or_default();
            field(out, "Kind:", &format!("{}{about}", kind_word(kind)))?;
        }
    }
    let body = match envelope.body {
        Body::SevenBit => "7bit",
        Body::EightBit => "8bit",
    };
    field(out, "Size:", &format!("{} bytes, {body}", envelope.size))?;
    for (name, value) in [("Envid:", &envelope.envid), ("Ret:", &envelope.ret)] {
        if let Some(value) = value {
            field(out, name, value)?;
        }
    }
    let next = item.next_attempt.as_ref().and_then(|at| at.parse::<Timestamp>().ok());
    let next = next.map(|at| format!(", next attempt not before {}", local(at))).unwrap_or_default();
    let status = match (item.queue_name.as_str(), item.attempts) {
        _ if shown.failed.is_some() => {
            let reason = shown.failed.as_deref().unwrap_or_default();
            format!("in failed/: {reason}; `postrider queue retry {}` returns it to the queue", envelope.id)
        }
        ("hold", _) => "held until released".to_owned(),
        (_, 0) => format!("waiting, never attempted{next}"),
        (_, 1) => format!("waiting, 1 attempt so far{next}"),
        (_, attempts) => format!("waiting, {attempts} attempts so far{next}"),
    };
    field(out, "State:", &status)?;
    if let Some(account) = &item.account {
        field(out, "Account:", account)?;
    }
    Ok(())
}

fn sender(envelope: &Envelope, sent_from: Option<&str>) -> String {
    let shown = match envelope.sender.mailbox() {
        Some(address) => address.to_string(),
        None => "<> (no report if it cannot be delivered)".to_owned(),
    };
    let given =
        envelope.submitted_sender.as_ref().filter(|given| **given != shown).map(|given| format!("given as {given}"));
    let sent_as = sent_from.map(|from| format!("sent as {}", if from.is_empty() { "<>" } else { from }));
    let others: Vec<String> = given.into_iter().chain(sent_as).collect();
    if others.is_empty() { shown } else { format!("{shown} ({})", others.join(", ")) }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Mail => "mail",
        Kind::Bounce => "bounce",
        Kind::Notice => "notice",
        Kind::Digest => "digest",
    }
}

fn recipients(shown: &MessageDetail, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Recipients:")?;
    for (index, (recipient, outcome)) in shown.envelope.recipients.iter().zip(&shown.outcomes).enumerate() {
        if shown.replaced.contains(&index) {
            continue;
        }
        let address = recipient.address.to_string();
        let given = (recipient.given != address).then(|| format!("given as {}", recipient.given));
        let sent_to = outcome.as_ref().and_then(|outcome| outcome.sent_to.as_ref()).map(|to| format!("sent to {to}"));
        let others: Vec<String> = given.into_iter().chain(sent_to).collect();
        let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
        let outcome = match outcome {
            Some(outcome) => format!("{}: {}", status_word(outcome.status), printable(&outcome.reason)),
            None => "not yet tried".to_owned(),
        };
        writeln!(out, "  {}: {outcome}", printable(&format!("{address}{others}")))?;
    }
    Ok(())
}
