//! Postfix's layout of a listing, which programs read as well: an entry, and the totals behind the last.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::control::listing::{Item, Totals};
use crate::mail::printable::printable;

/// Before the first entry.
pub(super) const HEADINGS: &str = "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n";
/// The column behind the closing parenthesis of a reason, less its parentheses, as Postfix counts.
const REASON_WIDTH: usize = 76;

/// One entry as Postfix writes it with long ids; a reason precedes the recipients that share it.
pub(super) fn entry(item: &Item, out: &mut impl Write) -> io::Result<()> {
    let mark = match item.queue_name.as_str() {
        "active" => "*",
        "hold" => "!",
        _ => "",
    };
    let id = format!("{}{mark}", item.queue_id);
    let arrived = Timestamp::from_second(item.arrival_time).unwrap_or_default().to_zoned(TimeZone::system());
    let arrived = arrived.strftime("%a %b %e %H:%M:%S");
    writeln!(out, "{id:<17} {:>8} {arrived} {}", item.message_size, printable(&item.sender))?;
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
pub(super) fn totals(Totals { messages, octets, submitted: _ }: Totals, out: &mut impl Write) -> io::Result<()> {
    let requests = if messages == 1 { "Request" } else { "Requests" };
    writeln!(out, "\n\t\tTotal requests: {messages}\n-- {} Kbytes in {messages} {requests}.", octets / 1024)
}
