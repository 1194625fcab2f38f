//! `postrider history`: what became of mail that has left the queue, by id, sender,
//! recipient and time.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::exit::{Exit, Failure};
use super::queue::{QueueError, changed, ids, quiet};
use crate::config::units;
use crate::control::error::AccessError;
use crate::control::queue_access::QueueAccess;
use crate::mail::printable::printable;
use crate::spool::history::{Ended, Finished, Record};
use crate::spool::{IdPrefix, MessageId};

/// Arguments of `history`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only these messages; the first digits of an id are enough
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Only mail that some recipient did not get
    #[arg(long)]
    failed: bool,
    /// Only mail from this sender
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Only mail to this recipient
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    /// Only mail that left the queue since this time (2026-11-22, 2026-11-22T14:00:00Z) or age (2d, 4h)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only mail that left the queue before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Prints what the arguments select, oldest first.
pub fn run(access: &QueueAccess, arguments: &Arguments) -> Result<Exit, Failure> {
    let wanted = Wanted::read(access, arguments)?;
    let mut out = BufWriter::new(io::stdout().lock());
    match access.history(wanted.since, |record, line| wanted.print(record, line, &mut out)) {
        Err(error @ AccessError::Spool(_)) => Err(error.into()),
        shown => quiet(shown.map_err(QueueError::from).and_then(|()| Ok(out.flush()?))),
    }
}

/// The arguments, parsed.
struct Wanted<'a> {
    arguments: &'a Arguments,
    ids: Vec<MessageId>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl<'a> Wanted<'a> {
    fn read(access: &QueueAccess, arguments: &'a Arguments) -> Result<Self, Failure> {
        let since = arguments.since.as_deref().map(moment).transpose()?;
        let until = arguments.until.as_deref().map(moment).transpose()?;
        Ok(Self { arguments, ids: recorded(access, &arguments.ids, since)?, since, until })
    }

    fn is_meant(&self, record: &Record) -> bool {
        let Arguments { sender, recipient, .. } = self.arguments;
        let same =
            |asked: &Option<String>, text: &str| asked.as_deref().is_none_or(|asked| text.eq_ignore_ascii_case(asked));
        let is_to =
            |to: &Finished| same(recipient, &to.address) || same(recipient, to.sent_to.as_deref().unwrap_or_default());
        (self.ids.is_empty() || self.ids.contains(&record.id))
            && self.since.is_none_or(|since| record.finished >= since)
            && self.until.is_none_or(|until| record.finished < until)
            && (!self.arguments.failed || record.recipients.iter().any(|r| r.status != Ended::Delivered))
            && (same(sender, &record.sender) || same(sender, record.sent_from.as_deref().unwrap_or_default()))
            && (recipient.is_none() || record.recipients.iter().any(is_to))
    }

    fn print(&self, record: &Record, line: &str, out: &mut impl Write) -> io::Result<()> {
        match (self.is_meant(record), self.arguments.json) {
            (false, _) => Ok(()),
            (true, true) => writeln!(out, "{line}"),
            (true, false) => text(record, out),
        }
    }
}

/// The messages of history that are meant.
fn recorded(access: &QueueAccess, typed: &[String], since: Option<Timestamp>) -> Result<Vec<MessageId>, QueueError> {
    let prefixes = typed.iter().map(|typed| ids::prefix(typed)).collect::<Result<Vec<_>, _>>()?;
    let mut found = vec![BTreeSet::new(); prefixes.len()];
    if prefixes.iter().any(|prefix| prefix.whole().is_none()) {
        access.history(since, |record, _| {
            for (prefix, found) in prefixes.iter().zip(&mut found).filter(|(prefix, _)| prefix.begins(&record.id)) {
                found.extend(prefix.whole().is_none().then(|| record.id.clone()));
            }
            Ok(())
        })?;
    }
    let one = |((typed, prefix), found): ((&String, &IdPrefix), BTreeSet<MessageId>)| match prefix.whole() {
        Some(id) => Ok(id),
        None => ids::only(typed, found.into_iter().collect()),
    };
    typed.iter().zip(&prefixes).zip(found).map(one).collect()
}

/// A time as people write it: an instant, a day, or how long ago.
pub(super) fn moment(written: &str) -> Result<Timestamp, Failure> {
    if let Ok(at) = written.parse() {
        return Ok(at);
    }
    if let Ok(at) = written.parse::<jiff::civil::DateTime>().and_then(|at| at.to_zoned(TimeZone::system())) {
        return Ok(at.timestamp());
    }
    let ago: Result<Duration, _> = units::duration(written);
    let past = ago.ok().and_then(|ago| SignedDuration::try_from(ago).ok());
    past.and_then(|ago| Timestamp::now().checked_sub(ago).ok()).ok_or_else(|| {
        let message = format_args!(
            "cannot parse {written:?} as a time: write 2026-11-22, 2026-11-22T14:00:00Z, or an age such as 2d"
        );
        Failure::new(Exit::Usage, message)
    })
}

fn text(record: &Record, out: &mut impl Write) -> io::Result<()> {
    let finished = record.finished.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S");
    let sender = if record.sender.is_empty() { "<>" } else { &record.sender };
    let sent_from = record.sent_from.as_deref().map(|from| if from.is_empty() { "<>" } else { from });
    let sender = changed(sender, sent_from);
    let age = u64::try_from(record.finished.as_second() - record.arrived.as_second()).unwrap_or_default();
    let age = units::in_words(Duration::from_secs(age));
    writeln!(out, "{finished}  {}  {} bytes  after {age}  {}", record.id, record.size, printable(&sender))?;
    if let Some(subject) = &record.subject {
        writeln!(out, "    subject    {}", printable(subject))?;
    }
    for recipient in &record.recipients {
        let what = word(recipient.status);
        let address = changed(&recipient.address, recipient.sent_to.as_deref());
        let reply = if recipient.reply.is_empty() { String::new() } else { format!(" ({})", recipient.reply) };
        writeln!(out, "    {what:<9}  {}  {}{}", printable(&address), recipient.dsn, printable(&reply))?;
    }
    Ok(())
}

fn word(ended: Ended) -> &'static str {
    match ended {
        Ended::Delivered => "delivered",
        Ended::Deferred => "deferred",
        Ended::Refused => "refused",
        Ended::Unknown => "unknown",
        Ended::Deleted => "deleted",
    }
}
