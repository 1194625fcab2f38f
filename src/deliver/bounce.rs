//! Reports to senders: what could not be delivered (RFC 3464), what is delayed. In
//! words a person understands, with the original's header; built with lettre's
//! message builder. Storing and sending them is the runner's business.

use std::fmt::Write as _;
use std::time::SystemTime;

use jiff::Timestamp;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Message, MultiPart, SinglePart};

use crate::config::Config;
use crate::mail::address::Address;
use crate::mail::outcome::Outcome;
use crate::spool::{Envelope, MessageId};

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// These recipients will not get it.
    Failed,
    /// These recipients do not have it yet; it is still tried.
    Delayed,
}

/// A recipient in a report.
#[derive(Debug, Clone, Copy)]
pub struct Affected<'a> {
    /// As the caller gave it.
    pub given: &'a str,
    /// After admission.
    pub address: &'a str,
    /// What became of it.
    pub outcome: &'a Outcome,
}

/// Everything that a report says.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Failure or delay.
    pub report: Report,
    /// The report's own id.
    pub id: &'a MessageId,
    /// The original's envelope.
    pub original: &'a Envelope,
    /// Its header as stored.
    pub header: &'a [u8],
    /// The recipients concerned.
    pub affected: &'a [Affected<'a>],
    /// Who gets the report.
    pub to: &'a Address,
    /// Now.
    pub at: Timestamp,
}

/// A report could not be built; the original is kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot build the report: {0}")]
pub struct NoReport(String);

impl Report {
    fn subject(self) -> &'static str {
        match self {
            Self::Failed => "Undelivered Mail Returned to Sender",
            Self::Delayed => "Delayed Mail (still being retried)",
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
        }
    }
}

/// The report's content, CRLF lines.
pub fn build(config: &Config, facts: &Facts<'_>) -> Result<Vec<u8>, NoReport> {
    let wrong = |e: &dyn std::fmt::Display| NoReport(e.to_string());
    let boundary = format!("{}/{}", facts.id, config.hostname);
    let report_type =
        ContentType::parse(&format!("multipart/report; report-type=delivery-status; boundary=\"{boundary}\""))
            .map_err(|e| wrong(&e))?;
    let parts = MultiPart::builder()
        .header(report_type)
        .singlepart(SinglePart::plain(explanation(config, facts)))
        .singlepart(part("message/delivery-status", delivery_status(config, facts).into_bytes())?)
        .singlepart(part("text/rfc822-headers", facts.header.to_vec())?);
    let from = format!("Mail Delivery System <MAILER-DAEMON@{}>", config.hostname);
    let message = Message::builder()
        .raw_header(raw("From", from)?)
        .raw_header(raw("To", facts.to.to_string())?)
        .subject(facts.report.subject())
        .raw_header(raw("Auto-Submitted", "auto-replied".to_owned())?)
        .date(SystemTime::from(facts.at))
        .message_id(Some(format!("<{}@{}>", facts.id, config.hostname)))
        .envelope(placeholder_envelope()?)
        .multipart(parts)
        .map_err(|e| wrong(&e))?;
    Ok(message.formatted())
}

/// lettre wants an envelope to build a message; ours is the spool's, so this one is never used.
fn placeholder_envelope() -> Result<lettre::address::Envelope, NoReport> {
    let to = lettre::Address::new("postmaster", "localhost").map_err(|e| NoReport(e.to_string()))?;
    lettre::address::Envelope::new(None, vec![to]).map_err(|e| NoReport(e.to_string()))
}

fn raw(name: &'static str, value: String) -> Result<HeaderValue, NoReport> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|e| NoReport(e.to_string()))?;
    Ok(HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value))
}

/// A part as it is where it is ASCII, else quoted-printable: both survive any relay.
fn part(content_type: &str, bytes: Vec<u8>) -> Result<SinglePart, NoReport> {
    let kind = ContentType::parse(content_type).map_err(|e| NoReport(e.to_string()))?;
    let narrow = bytes.is_ascii() && bytes.split(|b| *b == b'\n').all(|line| line.len() < 998);
    let encoding = if narrow { ContentTransferEncoding::SevenBit } else { ContentTransferEncoding::QuotedPrintable };
    let body = lettre::message::Body::new_with_encoding(bytes, encoding)
        .or_else(|bytes| lettre::message::Body::new_with_encoding(bytes, ContentTransferEncoding::Base64))
        .map_err(|_| NoReport(format!("{content_type} cannot be encoded")))?;
    Ok(SinglePart::builder().header(kind).body(body))
}

fn explanation(config: &Config, facts: &Facts<'_>) -> String {
    let mut text = format!("This is the mail system of {}.\n\n", config.hostname);
    text.push_str(match facts.report {
        Report::Failed => {
            "Your message could not be delivered to the recipients below, and it will\n\
             not be tried again for them. Its header is attached.\n"
        }
        Report::Delayed => {
            "Your message has not reached the recipients below yet. You need not send\n\
             it again: it is kept and tried until it is delivered or returned to you.\n"
        }
    });
    for one in facts.affected {
        let given = if one.given == one.address { String::new() } else { format!(" (given as {})", one.given) };
        let _ = write!(text, "\n<{}>{given}:\n", one.address);
        let said = match one.outcome.code {
            Some(code) => format!("{} said: {code} {}", one.outcome.relay, one.outcome.reply),
            None => one.outcome.reply.clone(),
        };
        let _ = writeln!(text, "    {said}");
        if let Some(advice) = advice(one.outcome) {
            let _ = writeln!(text, "    What to do: {advice}");
        }
    }
    text
}

/// What the sender can do about a reply, by its enhanced code (RFC 3463).
fn advice(outcome: &Outcome) -> Option<&'static str> {
    match (outcome.enhanced.subject, outcome.enhanced.detail) {
        (1, 0 | 1 | 6) => Some("check the address for mistakes, or ask the recipient for the current one."),
        (1, 3) => Some("write the address as name@domain."),
        (2, 2) => Some("the mailbox is full: try again later, or reach the recipient another way."),
        (3, 4) => Some("the message is too large: send less at once, or a link."),
        (1, 7 | 8) => Some(
            "the provider does not accept this sender: give the sender an address that belongs to the account, \
             by a row in `generic`, or add an account for it.",
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
        let _ = write!(text, "Original-Recipient: rfc822; {}\r\n", printable(one.given));
        let _ = write!(text, "Action: {}\r\nStatus: {}\r\n", facts.report.action(), one.outcome.enhanced);
        if let Some(code) = one.outcome.code {
            let host = one.outcome.relay.split('[').next().unwrap_or_default();
            let _ = write!(text, "Remote-MTA: dns; {}\r\n", printable(host));
            let _ = write!(text, "Diagnostic-Code: smtp; {code} {}\r\n", printable(&one.outcome.reply));
        } else {
            let _ = write!(text, "Diagnostic-Code: X-Postrider; {}\r\n", printable(&one.outcome.reply));
        }
    }
    text
}

/// One line of printable ASCII: delivery-status fields hold nothing else.
fn printable(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    text.chars().take(800).collect()
}
