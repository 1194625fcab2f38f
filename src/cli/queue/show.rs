//! `postrider queue show ID`: one message's envelope, what was tried, and its header.
//! The body is not shown, only how long it is.

use std::io::{self, BufRead, BufReader, Read, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Entry, Format, Item, QueueError, printable, reason};
use crate::mail::outcome::Status;
use crate::spool::journal::{Journal, Line};
use crate::spool::{Body, Envelope, Kind, MessageId, Spool, Stored};

/// Octets of header that are shown; admission takes no longer one.
const MAX_HEADER: u64 = 2 * 1024 * 1024;

/// Shows one message.
pub fn show(spool: &Spool, id: &MessageId, format: Format, out: &mut impl Write) -> Result<(), QueueError> {
    let stored = spool.open_message(id)?;
    let entry = Entry::read(spool, id)?;
    let header = header(&stored)?;
    match format {
        Format::Text => {
            envelope(&entry, out)?;
            recipients(&entry, out)?;
            journal(&entry, &Journal::lines(spool, id)?, out)?;
            writeln!(out, "Header:")?;
            for line in header.text.lines() {
                writeln!(out, "  {}", printable(&line.replace('\t', " ")))?;
            }
            writeln!(out, "Body: {} octets", header.body_octets)?;
        }
        Format::Json => {
            serde_json::to_writer(&mut *out, &Shown::new(&entry, header)).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(out.flush()?)
}

struct Header {
    text: String,
    body_octets: u64,
}

fn header(stored: &Stored) -> io::Result<Header> {
    let mut content = BufReader::new(stored.content()?).take(MAX_HEADER);
    let (mut text, mut octets, mut line) = (String::new(), 0_u64, Vec::new());
    loop {
        line.clear();
        octets += content.read_until(b'\n', &mut line)? as u64;
        if matches!(line[..], [] | [b'\n'] | [b'\r', b'\n']) {
            return Ok(Header { text, body_octets: stored.envelope.size.saturating_sub(octets) });
        }
        text.push_str(&String::from_utf8_lossy(&line));
    }
}

fn envelope(entry: &Entry, out: &mut impl Write) -> io::Result<()> {
    let Entry { envelope, state, .. } = entry;
    let field = |out: &mut dyn Write, name: &str, value: &str| writeln!(out, "{name:<12}{}", printable(value));
    field(out, "Message:", envelope.id.as_str())?;
    field(out, "Arrived:", &format!("{}, from uid {}", local(envelope.arrived), envelope.uid))?;
    field(out, "Sender:", &sender(envelope))?;
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
    field(out, "Size:", &format!("{} octets, {body}", envelope.size))?;
    for (name, value) in [("Envid:", &envelope.envid), ("Ret:", &envelope.ret)] {
        if let Some(value) = value {
            field(out, name, value)?;
        }
    }
    let next = state.next.map(|at| format!(", next attempt not before {}", local(at))).unwrap_or_default();
    let status = match (state.held, state.attempts) {
        (true, _) => "held until it is released".to_owned(),
        (false, 0) => format!("waiting, never attempted{next}"),
        (false, attempts) => format!("waiting, attempts: {attempts}{next}"),
    };
    field(out, "State:", &status)?;
    if let Some(account) = state.account.as_ref().or(envelope.account.as_ref()) {
        field(out, "Account:", account)?;
    }
    Ok(())
}

fn sender(envelope: &Envelope) -> String {
    let shown = match envelope.sender.mailbox() {
        Some(address) => address.to_string(),
        None => "<> (nobody is told if it cannot be delivered)".to_owned(),
    };
    match &envelope.submitted_sender {
        Some(given) if *given != shown => format!("{shown} (given as {given})"),
        Some(_) | None => shown,
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Mail => "mail",
        Kind::Bounce => "bounce",
        Kind::Notice => "notice",
        Kind::Digest => "digest",
    }
}

fn recipients(entry: &Entry, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Recipients:")?;
    for (recipient, outcome) in entry.state.each(&entry.envelope.recipients) {
        let address = recipient.address.to_string();
        let given = if recipient.given == address { String::new() } else { format!(" (given as {})", recipient.given) };
        let outcome = match outcome {
            Some(outcome) => format!("{}: {}", status_word(outcome.status), reason(outcome)),
            None => "not yet tried".to_owned(),
        };
        writeln!(out, "  {}: {outcome}", printable(&format!("{address}{given}")))?;
    }
    Ok(())
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Delivered => "delivered",
        Status::Deferred => "deferred",
        Status::Refused => "refused",
        Status::Unknown => "unknown",
    }
}

fn journal(entry: &Entry, lines: &[(Timestamp, Line)], out: &mut impl Write) -> io::Result<()> {
    if !lines.is_empty() {
        writeln!(out, "Journal:")?;
    }
    let address = |recipient: usize| {
        let address = entry.envelope.recipients.get(recipient).map(|r| r.address.to_string());
        address.unwrap_or_else(|| format!("recipient {recipient}"))
    };
    for (at, line) in lines {
        let what = match line {
            Line::Attempt { number, account, relay } => format!("attempt {number}, account {account}, relay {relay}"),
            Line::Outcome { recipient, outcome } => {
                format!("{}: {}: {}", address(*recipient), status_word(outcome.status), reason(outcome))
            }
            Line::Next(at) => format!("next attempt not before {}", local(*at)),
            Line::Hold => "held".to_owned(),
            Line::Release => "released".to_owned(),
            Line::Retry => "brought back from failed/".to_owned(),
            Line::Returned(id) => format!("returned to the sender in message {id}"),
            Line::Added(recipient) => {
                format!("{} stands for {} now, by the tables of then", recipient.address, recipient.given)
            }
            Line::Replaced(recipient) => format!("{} is replaced", address(*recipient)),
            Line::Warned(id) => format!("the sender was told of the delay in message {id}"),
            Line::Owed(0) => "the sender is to be told of the delay in a digest".to_owned(),
            Line::Owed(_) => "to be returned to the sender in a digest".to_owned(),
            Line::Digest(id) => format!("reported to the sender in digest {id}"),
            Line::Done => "finished".to_owned(),
        };
        writeln!(out, "  {}  {}", local(*at), printable(&what))?;
    }
    Ok(())
}

fn local(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// The list's members, and what it has no room for.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    item: Item,
    envelope: &'a Envelope,
    outcomes: Vec<Option<ShownOutcome<'a>>>,
    header: String,
    body_octets: u64,
}

#[derive(Serialize)]
struct ShownOutcome<'a> {
    status: Status,
    code: Option<u16>,
    enhanced: String,
    reply: &'a str,
    relay: &'a str,
}

impl<'a> Shown<'a> {
    fn new(entry: &'a Entry, header: Header) -> Self {
        let outcomes = entry.state.outcomes.iter().map(|outcome| {
            outcome.as_ref().map(|outcome| ShownOutcome {
                status: outcome.status,
                code: outcome.code,
                enhanced: outcome.enhanced.to_string(),
                reply: &outcome.reply,
                relay: &outcome.relay,
            })
        });
        Self {
            item: Item::new(entry),
            envelope: &entry.envelope,
            outcomes: outcomes.collect(),
            header: header.text,
            body_octets: header.body_octets,
        }
    }
}
