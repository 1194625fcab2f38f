//! Reports to senders: failures (RFC 3464), delays and successes, in readable text and with the original's header.
//! The runner stores and sends them.

use std::fmt::Write as _;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Config;
use crate::mail::address::Address;
use crate::mail::dsn;
use crate::mail::notice::{self, Cause, Kind, Notice, PartType};
use crate::mail::outcome::{Outcome, Status};
use crate::spool::{Envelope, MessageId};

/// The kind of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The recipients will not get the message.
    Failed,
    /// The same, but sent to the submitter or the postmaster: the sender is not an address of this machine and may be
    /// forged.
    Kept,
    /// The message has come round to a mailbox of this machine. Sent to its user.
    Looped,
    /// The recipients do not have the message yet; delivery is still tried.
    Delayed,
    /// The recipients may have the message, perhaps several times. It is held until somebody decides.
    Unconfirmed,
    /// A relay accepted the message for the recipients. What happens there is not reported.
    Relayed,
    /// What would happen to mail to these recipients (`sendmail -bv`).
    Verified,
}

/// What the report contains of the original message.
#[derive(Debug, Clone, Copy)]
pub enum Original<'a> {
    /// Its header as stored.
    Header(&'a [u8]),
    /// The same, where the message is too large to be returned (`bounce_size`) and is kept in failed/ for that reason.
    HeaderOfKept(&'a [u8]),
    /// The whole message (RET=FULL), with CRLF line ends.
    Whole(&'a [u8]),
    /// Nothing: there is no message.
    Absent,
}

/// A recipient in a report.
#[derive(Debug, Clone, Copy)]
pub struct Affected<'a> {
    /// The address as the caller gave it.
    pub given: &'a str,
    /// The address after admission.
    pub address: &'a str,
    /// ORCPT, still encoded.
    pub orcpt: Option<&'a str>,
    /// The outcome.
    pub outcome: &'a Outcome,
    /// What a success is.
    pub success: Success,
}

/// What became of a message that a recipient's sender is told the success of (RFC 3461 section 5.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Success {
    /// A relay accepted it, and sends no report.
    #[default]
    Relayed,
    /// It is in a mailbox of this machine.
    Delivered,
    /// It goes to all that an alias stands for.
    Expanded,
}

/// Everything that a report contains.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The kind of report.
    pub report: Report,
    /// The report's own id.
    pub id: &'a MessageId,
    /// The envelope of the original message.
    pub original: &'a Envelope,
    /// What the report contains of the original message.
    pub attached: Original<'a>,
    /// The recipients that it is about.
    pub affected: &'a [Affected<'a>],
    /// The recipient of the report.
    pub to: &'a Address,
    /// The time of the report.
    pub at: Timestamp,
}

impl Report {
    fn subject(self) -> &'static str {
        match self {
            Self::Failed => "Undelivered Mail Returned to Sender",
            Self::Kept => "Undelivered Mail of an Outside Sender",
            Self::Looped => "Mail Loop: a message came back",
            Self::Delayed => "Delayed Mail (still being retried)",
            Self::Unconfirmed => "Held Mail (its delivery is unconfirmed)",
            Self::Relayed => "Successful Mail Delivery Report",
            Self::Verified => "Mail Delivery Status Report",
        }
    }

    /// The action (RFC 3464 section 2.3.3). If nothing was sent, Postfix's words.
    fn action(self, one: &Affected<'_>) -> &'static str {
        match (self, one.outcome.status) {
            (Self::Failed | Self::Kept | Self::Looped, _) => "failed",
            (Self::Delayed | Self::Unconfirmed, _) => "delayed",
            (Self::Relayed, _) => match one.success {
                Success::Relayed => "relayed",
                Success::Delivered => "delivered",
                Success::Expanded => "expanded",
            },
            (Self::Verified, Status::Delivered) => "deliverable",
            (Self::Verified, Status::Deferred | Status::Refused | Status::Unknown) => "undeliverable",
        }
    }
}

/// The report's content, with CRLF line ends.
#[must_use]
pub fn build(config: &Config, facts: &Facts<'_>) -> Vec<u8> {
    let boundary = format!("{}/{}", facts.id, config.hostname);
    let notice = Notice {
        hostname: &config.hostname,
        to: facts.to,
        subject: facts.report.subject(),
        message_id: &format!("<{}@{}>", facts.id, config.hostname),
        at: &facts.at.to_zoned(TimeZone::system()),
        cause: Cause::Message,
    };
    let mut content = notice.with_parts(Kind::DeliveryStatus, &boundary, &explanation(config, facts));
    content.extend(notice::part(&boundary, PartType::DeliveryStatus, delivery_status(config, facts).as_bytes()));
    match facts.attached {
        Original::Absent => {}
        Original::Header(header) | Original::HeaderOfKept(header) => {
            content.extend(notice::part(&boundary, PartType::Header, header));
        }
        Original::Whole(original) => content.extend(whole(&boundary, original)),
    }
    content.extend(notice::end(&boundary).into_bytes());
    content
}

/// A report of ours that returns a whole message, with only its header instead, or without it if it is attached as a
/// file. `None` if the report does not return a whole message.
#[must_use]
pub fn without_text(report: &[u8]) -> Option<Vec<u8>> {
    let find = |from: usize, text: &[u8]| memchr::memmem::find(report.get(from..)?, text).map(|at| from + at);
    // By the report's own boundary: the returned message may have fields and parts that look like ours.
    let boundary = notice::boundary(report)?;
    if let Some(file) = find(0, notice::part_begin(boundary, PartType::File).as_bytes()) {
        return Some([&report[..file], notice::end(boundary).as_bytes()].concat());
    }
    let part = find(0, notice::part_begin(boundary, PartType::Message).as_bytes())?;
    let header = find(part + 2, b"\r\n\r\n")? + 4;
    let end = find(header, b"\r\n\r\n").map_or(report.len(), |end| end + 2);
    let mut content = report[..part].to_vec();
    content.extend(notice::part(boundary, PartType::Header, &report[header..end]));
    content.extend(notice::end(boundary).into_bytes());
    Some(content)
}

/// The message as a part; as an encoded file if a line is too long to be sent without encoding, which a part of type
/// message/rfc822 may not have.
pub(crate) fn whole(boundary: &str, content: &[u8]) -> Vec<u8> {
    let is_too_long = content.split(|byte| *byte == b'\n').any(|line| line.len() > 999);
    notice::part(boundary, if is_too_long { PartType::File } else { PartType::Message }, content)
}

fn explanation(config: &Config, facts: &Facts<'_>) -> String {
    let mut text = format!("This is the mail system of {}.\n\n", config.hostname);
    let kept;
    text.push_str(match facts.report {
        Report::Kept => {
            kept = kept_in_failed(facts);
            &kept
        }
        Report::Looped => {
            kept = looped(&facts.original.id);
            &kept
        }
        Report::Failed => {
            "Your message could not be delivered to the recipients below, and will not\n\
             be tried again for them.\n"
        }
        Report::Delayed => {
            "Your message has not reached the recipients below yet. You need not send\n\
             it again: it is retried until it is delivered or returned to you.\n"
        }
        Report::Unconfirmed => {
            kept = unconfirmed(&facts.original.id);
            &kept
        }
        Report::Relayed => {
            "Your message has been accepted for the recipients below. You get this\n\
             report because you asked for it. What a provider does with it, or those\n\
             that an alias stands for, is not tracked.\n"
        }
        Report::Verified => {
            "This is what would happen to a message from you to the recipients below.\n\
             Nothing was sent to them, and no server was contacted.\n"
        }
    });
    if matches!(facts.report, Report::Failed | Report::Kept) {
        match facts.attached {
            Original::Header(_) => text.push_str("The original header is attached.\n"),
            Original::HeaderOfKept(_) => {
                text.push_str("The original header is attached.\n\n");
                text.push_str(&too_large(&facts.original.id));
            }
            Original::Whole(_) => text.push_str("The original message is attached.\n"),
            Original::Absent => {}
        }
    }
    tell_affected(&mut text, facts);
    text
}

fn kept_in_failed(facts: &Facts<'_>) -> String {
    let Envelope { id, sender, .. } = facts.original;
    format!(
        "A message from <{sender}> that was submitted on this machine\n\
         could not be delivered to the recipients below, and will not be tried again.\n\
         \n\
         It is not returned to that sender, which is not an address of this machine and\n\
         may be forged. The message is kept, as are further ones like it that get no\n\
         notice: `postrider queue list --failed` lists them, and\n\
         `postrider queue retry {id}` tries this one again.\n\
         If the sender is yours, add it to `senders` of the account.\n"
    )
}

fn looped(id: &MessageId) -> String {
    format!(
        "Mail loop: a message for you came back after it was delivered to your mailbox.\n\
         It was not delivered a second time. The sender is not notified, and the\n\
         message is kept:\n\
         `postrider queue show --body {id}` prints it.\n"
    )
}

fn unconfirmed(id: &MessageId) -> String {
    format!(
        "Your message was sent several times to the recipients below, but each time\n\
         the connection was lost before the server said whether it has the message.\n\
         They may have it, perhaps more than once, so it is not retried.\n\
         Ask them. If they do not have it, `postrider queue release {id}`\n\
         sends it again; if they do, `postrider queue delete {id}`\n\
         removes it. After the lifetime of mail it is kept in failed/.\n"
    )
}

/// Where the text is that a report is too small for.
pub(crate) fn too_large(id: &MessageId) -> String {
    format!(
        "The message is larger than `bounce_size`. It is kept on this machine\n\
         for 90 days: `postrider queue show --body {id}` prints it,\n\
         and the administrator can try these recipients again with\n\
         `postrider queue retry {id}`.\n"
    )
}

/// Each recipient with the reply and a suggestion.
pub(crate) fn tell_affected(text: &mut String, facts: &Facts<'_>) {
    for one in facts.affected {
        let given = if one.given == one.address { String::new() } else { format!(" (given as {})", one.given) };
        let _ = write!(text, "\n<{}>{given}:\n", one.address);
        let said = match one.outcome.code {
            Some(code) => format!("{} said: {code} {}", one.outcome.relay, one.outcome.reply),
            None => one.outcome.reply.clone(),
        };
        let _ = writeln!(text, "    {said}");
        let cure = one.outcome.cure.as_ref().map(|cure| format!("{cure}."));
        let advice = cure.or_else(|| advice(one.outcome).map(str::to_owned));
        if let Some(advice) = advice.filter(|_| one.outcome.status != Status::Delivered) {
            let _ = writeln!(text, "    What to do: {advice}");
        }
    }
}

/// What the sender can do about a reply, by its enhanced code (RFC 3463).
fn advice(outcome: &Outcome) -> Option<&'static str> {
    match (outcome.enhanced.subject, outcome.enhanced.detail) {
        (1, 0 | 1 | 6) => Some("check the address for mistakes, or ask the recipient for a current one."),
        (1, 3) => Some("write the address as name@domain."),
        (2, 2) => Some("the mailbox is full: try again later, or reach the recipient another way."),
        (3, 4) => Some("the message is too large: send less at once, or send a link."),
        (1, 7 | 8) => Some(
            "the provider rejects this sender: map it in `generic` to an address that belongs to the account, \
             or add an account for it.",
        ),
        _ => None,
    }
}

fn delivery_status(config: &Config, facts: &Facts<'_>) -> String {
    let mut text = format!("Reporting-MTA: dns; {}\r\n", config.hostname);
    let _ = write!(text, "X-Postrider-Queue-ID: {}\r\n", facts.original.id);
    if let Some(envid) = &facts.original.envid {
        let _ = write!(text, "Original-Envelope-Id: {}\r\n", printable(envid));
    }
    let arrived = facts.original.arrived.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let _ = write!(text, "Arrival-Date: {arrived}\r\n");
    for one in facts.affected {
        let _ = write!(text, "\r\nFinal-Recipient: rfc822; {}\r\n", printable(one.address));
        let _ = write!(text, "Original-Recipient: {}\r\n", printable(&original_recipient(one)));
        let action = facts.report.action(one);
        let _ = write!(text, "Action: {action}\r\nStatus: {}\r\n", one.outcome.enhanced);
        if let Some(code) = one.outcome.code {
            let _ = write!(text, "Remote-MTA: dns; {}\r\n", printable(&remote_mta(&one.outcome.relay)));
            let _ = write!(text, "Diagnostic-Code: smtp; {code} {}\r\n", printable(&one.outcome.reply));
        } else {
            let _ = write!(text, "Diagnostic-Code: X-Postrider; {}\r\n", printable(&one.outcome.reply));
        }
    }
    text
}

/// The host of `host[ip]:port` as a domain or an address literal (RFC 3464 section 2.1.2).
fn remote_mta(relay: &str) -> String {
    let host = relay.split('[').next().unwrap_or_default();
    match host.parse() {
        Ok(IpAddr::V4(address)) => format!("[{address}]"),
        Ok(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        Err(_) => host.to_owned(),
    }
}

/// ORCPT decoded (RFC 3464 section 2.3.1), or else the address as given.
fn original_recipient(one: &Affected<'_>) -> String {
    let asked = one.orcpt.and_then(|orcpt| orcpt.split_once(';'));
    match asked.and_then(|(kind, address)| Some((kind, dsn::from_xtext(address)?))) {
        Some((kind, address)) => format!("{kind}; {address}"),
        None => format!("rfc822; {}", one.given),
    }
}

/// The text as one line of printable ASCII, because delivery-status fields allow nothing else.
fn printable(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    text.chars().take(800).collect()
}
