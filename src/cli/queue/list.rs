//! `mailq` and `postrider queue list`: what waits, in Postfix's layout or as JSON Lines with
//! `postqueue -j`'s members; and what was set aside in failed/.

use std::io::{self, BufWriter, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::format::{Format, QueueError, quiet};
use crate::cli::exit::{Exit, Failure};
use crate::control::error::AccessError;
use crate::control::listing::{self, Item, Listed, Totals};
use crate::control::queue_access::QueueAccess;
use crate::control::selection::Selection;
use crate::mail::printable::printable;
use crate::spool::Spool;

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
    listed: u64,
    unreadable: Vec<String>,
}

impl<W: Write> Printer<W> {
    fn new(format: Format, out: W) -> Self {
        Self { out: BufWriter::with_capacity(64 * 1024, out), format, listed: 0, unreadable: Vec::new() }
    }

    fn item(&mut self, item: &Item) -> io::Result<()> {
        match self.format {
            Format::Text => text(item, if self.listed == 0 { HEADINGS } else { "\n" }, &mut self.out)?,
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
            (Format::Text, 0) if all.submitted > 0 => {}
            (Format::Text, 0) => writeln!(self.out, "Mail queue is empty")?,
            (Format::Text, _) => totals(all, &mut self.out)?,
        }
        if self.format == Format::Text && all.submitted > 0 {
            let messages = if all.submitted == 1 { "message" } else { "messages" };
            writeln!(
                self.out,
                "-- {} {messages} submitted but not yet queued (see `postrider status`)",
                all.submitted
            )?;
        }
        self.out.flush()?;
        if self.unreadable.is_empty() { Ok(()) } else { Err(QueueError::Unreadable(self.unreadable)) }
    }
}

/// Lists what is in failed/, oldest first, with why.
pub(super) fn failed(access: &QueueAccess, format: Format, out: &mut impl Write) -> Result<Exit, Failure> {
    let spool = match access {
        QueueAccess::Spool(loaded) => &loaded.spool,
        QueueAccess::Empty(_) => return Ok(Exit::Ok),
        QueueAccess::Runner => {
            return Err(Failure::new(Exit::NoPermission, "only root can list failed/: run this as root"));
        }
    };
    quiet(write_failed(spool, format, out))
}

fn write_failed(spool: &Spool, format: Format, out: &mut impl Write) -> Result<(), QueueError> {
    for name in &spool.failed().map_err(AccessError::from)? {
        let failed = Failed::read(spool, name);
        match format {
            Format::Text => writeln!(out, "{}  {}\n    {}", printable(name), failed.sender, printable(&failed.reason))?,
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
}

impl Failed {
    fn read(spool: &Spool, name: &str) -> Self {
        let envelope = spool.open_failed_name(name).map(|stored| stored.envelope);
        let sender = envelope.map_or_else(|_| "(incomplete message)".to_owned(), |envelope| listing::sender(&envelope));
        Self { queue_name: "failed", queue_id: name.to_owned(), sender, reason: spool.failed_reason(name) }
    }
}

const HEADINGS: &str = "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n";
/// The column behind the closing parenthesis of a reason, less its parentheses, as Postfix counts.
const REASON_WIDTH: usize = 76;

/// One entry as Postfix writes it with long ids; a reason precedes the recipients that share it.
fn text(item: &Item, before: &str, out: &mut impl Write) -> io::Result<()> {
    let mark = match item.queue_name.as_str() {
        "active" => "*",
        "hold" => "!",
        _ => "",
    };
    let id = format!("{}{mark}", item.queue_id);
    let arrived = Timestamp::from_second(item.arrival_time).unwrap_or_default().to_zoned(TimeZone::system());
    let arrived = arrived.strftime("%a %b %e %H:%M:%S");
    writeln!(out, "{before}{id:<17} {:>8} {arrived} {}", item.message_size, printable(&item.sender))?;
    let mut last = "";
    for recipient in &item.recipients {
        let reason = recipient.delay_reason.as_deref().unwrap_or_default();
        if reason != last {
            let shown = if reason.is_empty() { "reason unavailable" } else { reason };
            let padding = REASON_WIDTH.saturating_sub(shown.chars().count());
            writeln!(out, "{:padding$}({shown})", "")?;
            last = reason;
        }
        writeln!(out, "{:17} {:8} {:19} {}", "", "", "", recipient.address)?;
    }
    Ok(())
}

/// Sendmail's total before Postfix's, which must be the last line: `check_mailq` takes a machine without Postfix for one
/// with Sendmail, looks for that line alone, and without it calls a full queue empty.
fn totals(Totals { messages, octets, submitted: _ }: Totals, out: &mut impl Write) -> io::Result<()> {
    let requests = if messages == 1 { "Request" } else { "Requests" };
    writeln!(out, "\n\t\tTotal requests: {messages}\n-- {} Kbytes in {messages} {requests}.", octets / 1024)
}
