//! `postrider queue list` and `mailq`: what waits, for people, in Postfix's layout, or as JSON Lines with
//! `postqueue -j`'s members; and what was set aside in failed/.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::format::{Format, QueueError, changed, plural, quiet};
use super::mailq;
use crate::cli::exit::{Exit, Failure};
use crate::config::units;
use crate::control::error::AccessError;
use crate::control::listing::{self, Item, Listed, Totals};
use crate::control::message_detail::local;
use crate::control::queue_access::QueueAccess;
use crate::control::selection::Selection;
use crate::mail::printable::printable;
use crate::spool::{Envelope, MessageId, Spool};

/// Lists what is selected, oldest first. The first entry is written at once.
pub fn list(
    access: &QueueAccess,
    selection: Selection,
    format: Format,
    out: &mut impl Write,
) -> Result<(), QueueError> {
    let mut printer = Printer::new(format, out);
    let totals = access.list(selection, |listed| match listed {
        Listed::Item(item) => printer.item(&item),
        Listed::Unreadable(why) => {
            printer.unreadable.push(why);
            Ok(())
        }
    })?;
    printer.end(totals)
}

/// Writes a listing.
struct Printer<W: Write> {
    out: BufWriter<W>,
    format: Format,
    now: Timestamp,
    listed: u64,
    unreadable: Vec<String>,
}

impl<W: Write> Printer<W> {
    fn new(format: Format, out: W) -> Self {
        Self {
            out: BufWriter::with_capacity(64 * 1024, out),
            format,
            now: Timestamp::now(),
            listed: 0,
            unreadable: Vec::new(),
        }
    }

    fn item(&mut self, item: &Item) -> io::Result<()> {
        match self.format {
            Format::Text => entry(item, self.now, &mut self.out)?,
            Format::Mailq => {
                self.out.write_all(if self.listed == 0 { mailq::HEADINGS } else { "\n" }.as_bytes())?;
                mailq::entry(item, &mut self.out)?;
            }
            Format::Json => {
                serde_json::to_writer(&mut self.out, item)?;
                self.out.write_all(b"\n")?;
            }
        }
        if self.listed == 0 {
            self.out.flush()?;
        }
        self.listed += 1;
        Ok(())
    }

    fn end(mut self, all: Totals) -> Result<(), QueueError> {
        match (self.format, all.messages) {
            (Format::Json, _) => {}
            (Format::Text | Format::Mailq, 0) if all.submitted > 0 => {}
            (Format::Text | Format::Mailq, 0) => writeln!(self.out, "Mail queue is empty")?,
            (Format::Mailq, _) => mailq::totals(all, &mut self.out)?,
            (Format::Text, messages) => writeln!(self.out, "{}, {} Kbytes", plural(messages), all.octets / 1024)?,
        }
        if self.format != Format::Json && all.submitted > 0 {
            let messages = plural(all.submitted);
            writeln!(self.out, "-- {messages} submitted but not yet queued (see `postrider status`)")?;
        }
        self.out.flush()?;
        if self.unreadable.is_empty() { Ok(()) } else { Err(QueueError::Unreadable(self.unreadable)) }
    }
}

/// Lists what is in failed/, oldest first, with why.
pub(super) fn failed(
    access: &QueueAccess,
    selection: &Selection,
    format: Format,
    out: &mut impl Write,
) -> Result<Exit, Failure> {
    let spool = match access {
        QueueAccess::Spool(loaded) => &loaded.spool,
        QueueAccess::Empty(_) => return Ok(Exit::Ok),
        QueueAccess::Runner => {
            return Err(Failure::new(Exit::NoPermission, "only root can list failed/: run this as root"));
        }
    };
    quiet(write_failed(spool, selection, format, out))
}

fn write_failed(spool: &Spool, selection: &Selection, format: Format, out: &mut impl Write) -> Result<(), QueueError> {
    let is_asked = |name: &&String| {
        selection.ids.is_empty() || MessageId::parse(name).is_some_and(|id| selection.ids.contains(&id))
    };
    for name in spool.failed().map_err(AccessError::from)?.iter().filter(is_asked) {
        let failed = Failed::read(spool, name);
        match format {
            Format::Text | Format::Mailq => failed.write(name, out)?,
            Format::Json => {
                serde_json::to_writer(&mut *out, &failed).map_err(io::Error::from)?;
                writeln!(out)?;
            }
        }
    }
    Ok(out.flush()?)
}

/// A message of failed/, as far as it can be read.
#[derive(Serialize)]
struct Failed {
    queue_name: &'static str,
    queue_id: String,
    sender: String,
    reason: String,
    /// When it arrived, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    arrival_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    recipients: Vec<String>,
}

impl Failed {
    fn read(spool: &Spool, name: &str) -> Self {
        let whole = spool.open_failed_name(name).ok();
        let envelope = whole.as_ref().map(|stored| &stored.envelope);
        let addresses = |envelope: &Envelope| envelope.recipients.iter().map(|to| to.address.to_string()).collect();
        Self {
            queue_name: "failed",
            queue_id: name.to_owned(),
            sender: envelope.map_or_else(|| "(incomplete message)".to_owned(), listing::sender),
            reason: spool.failed_reason(name),
            arrival_time: envelope.map(|envelope| envelope.arrived.as_second()),
            subject: whole.as_ref().and_then(listing::subject),
            recipients: envelope.map(addresses).unwrap_or_default(),
        }
    }

    fn write(&self, name: &str, out: &mut impl Write) -> io::Result<()> {
        let since = self.arrival_time.map(|at| format!("  {}", age(at, Timestamp::now()))).unwrap_or_default();
        writeln!(out, "{}  failed{since}  {}", printable(name), self.sender)?;
        subject(self.subject.as_deref(), out)?;
        for recipient in &self.recipients {
            writeln!(out, "    to {}", printable(recipient))?;
        }
        writeln!(out, "    {}", printable(&self.reason))
    }
}

/// One entry for people. A reason is written once for the recipients that share it.
fn entry(item: &Item, now: Timestamp, out: &mut impl Write) -> io::Result<()> {
    let Item { queue_id, queue_name, message_size, sender, sent_from, .. } = item;
    let age = age(item.arrival_time, now);
    let sent_from = sent_from.as_deref().map(|from| if from.is_empty() { "<>" } else { from });
    let sender = changed(sender, sent_from);
    writeln!(out, "{queue_id}  {queue_name}  {age}  {message_size} bytes  {}", printable(&sender))?;
    subject(item.subject.as_deref(), out)?;
    let mut last = "";
    for recipient in &item.recipients {
        let address = changed(&recipient.address, recipient.sent_to.as_deref());
        let reason = recipient.delay_reason.as_deref().unwrap_or_default();
        let why = if reason == last { String::new() } else { format!(": {reason}") };
        writeln!(out, "    to {}{why}", printable(&address))?;
        last = reason;
    }
    let next = item.next_attempt.as_deref().and_then(|next| next.parse::<Timestamp>().ok());
    match (item.attempts, next.filter(|_| queue_name != "hold")) {
        (0, None) => Ok(()),
        (0, Some(next)) => writeln!(out, "    next attempt {}", local(next)),
        (attempts, next) => {
            let next = next.map(|next| format!(", next {}", local(next))).unwrap_or_default();
            writeln!(out, "    {attempts} attempt{}{next}", if attempts == 1 { "" } else { "s" })
        }
    }
}

fn subject(subject: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    subject.map_or(Ok(()), |subject| writeln!(out, "    subject {}", printable(subject)))
}

/// How long ago it arrived.
fn age(arrived: i64, now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_second() - arrived).unwrap_or_default();
    units::in_words(Duration::from_secs(seconds))
}
