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
use crate::mail::dsn;
use crate::mail::outcome::{Outcome, Status};
use crate::spool::{Envelope, MessageId};

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// These recipients will not get it.
    Failed,
    /// These recipients do not have it yet; it is still tried.
    Delayed,
    /// A relay took it for these recipients; what becomes of it there is not told.
    Relayed,
    /// What would become of mail to these recipients (`sendmail -bv`).
    Verified,
}

/// What is attached of the message that a report is about.
#[derive(Debug, Clone, Copy)]
pub enum Original<'a> {
    /// Its header as stored.
    Header(&'a [u8]),
    /// All of it (RET=FULL), CRLF lines.
    Whole(&'a [u8]),
    /// There is no message.
    Absent,
}

/// A recipient in a report.
#[derive(Debug, Clone, Copy)]
pub struct Affected<'a> {
    /// As the caller gave it.
    pub given: &'a str,
    /// After admission.
    pub address: &'a str,
    /// ORCPT, as on the wire.
    pub orcpt: Option<&'a str>,
    /// What became of it.
    pub outcome: &'a Outcome,
}

/// Everything that a report says.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What it says.
    pub report: Report,
    /// The report's own id.
    pub id: &'a MessageId,
    /// The original's envelope.
    pub original: &'a Envelope,
    /// What is attached of it.
    pub attached: Original<'a>,
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
pub struct NoReport(pub(crate) String);

impl Report {
    fn subject(self) -> &'static str {
        match self {
            Self::Failed => "Undelivered Mail Returned to Sender",
            Self::Delayed => "Delayed Mail (still being retried)",
            Self::Relayed => "Successful Mail Delivery Report",
            Self::Verified => "Mail Delivery Status Report",
        }
    }

    /// RFC 3464 section 2.3.3; where nothing was sent, Postfix's words.
    fn action(self, outcome: &Outcome) -> &'static str {
        match (self, outcome.status) {
            (Self::Failed, _) => "failed",
            (Self::Delayed, _) => "delayed",
            (Self::Relayed, _) => "relayed",
            (Self::Verified, Status::Delivered) => "deliverable",
            (Self::Verified, Status::Deferred | Status::Refused | Status::Unknown) => "undeliverable",
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
        .singlepart(part("message/delivery-status", delivery_status(config, facts).into_bytes())?);
    let parts = match facts.attached {
        Original::Absent => parts,
        Original::Header(header) => parts.singlepart(part("text/rfc822-headers", header.to_vec())?),
        Original::Whole(content) => parts.singlepart(whole(content)?),
    };
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
pub(crate) fn placeholder_envelope() -> Result<lettre::address::Envelope, NoReport> {
    let to = lettre::Address::new("postmaster", "localhost").map_err(|e| NoReport(e.to_string()))?;
    lettre::address::Envelope::new(None, vec![to]).map_err(|e| NoReport(e.to_string()))
}

pub(crate) fn raw(name: &'static str, value: String) -> Result<HeaderValue, NoReport> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|e| NoReport(e.to_string()))?;
    Ok(HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value))
}

/// A part as it is where it is ASCII, else quoted-printable: both survive any relay.
fn part(content_type: &str, bytes: Vec<u8>) -> Result<SinglePart, NoReport> {
    let kind = ContentType::parse(content_type).map_err(|e| NoReport(e.to_string()))?;
    let narrow = bytes.is_ascii() && bytes.split(|b| *b == b'\n').all(|line| line.len() < 998);
    let body = if narrow {
        // Taken as it is: lettre would hide lines over 76 octets in base64, and a delivery status must stay readable
        // (RFC 3464 section 2.1).
        lettre::message::Body::dangerous_pre_encoded(bytes, ContentTransferEncoding::SevenBit)
    } else {
        lettre::message::Body::new_with_encoding(bytes, ContentTransferEncoding::QuotedPrintable)
            .map_err(|_| NoReport(format!("{content_type} cannot be encoded")))?
    };
    Ok(SinglePart::builder().header(kind).body(body))
}

/// A message in a message, which no encoding may hide (RFC 2046 section 5.2.1); only its header where a line is
/// too long to go out without.
fn whole(content: &[u8]) -> Result<SinglePart, NoReport> {
    if content.split(|byte| *byte == b'\n').any(|line| line.len() > 999) {
        let end = memchr::memmem::find(content, b"\r\n\r\n").map_or(content.len(), |end| end + 2);
        return part("text/rfc822-headers", content[..end].to_vec());
    }
    let encoding =
        if content.is_ascii() { ContentTransferEncoding::SevenBit } else { ContentTransferEncoding::EightBit };
    let kind = ContentType::parse("message/rfc822").map_err(|e| NoReport(e.to_string()))?;
    let body = lettre::message::Body::dangerous_pre_encoded(content.to_vec(), encoding);
    Ok(SinglePart::builder().header(kind).body(body))
}

fn explanation(config: &Config, facts: &Facts<'_>) -> String {
    let mut text = format!("This is the mail system of {}.\n\n", config.hostname);
    text.push_str(match facts.report {
        Report::Failed => {
            "Your message could not be delivered to the recipients below, and it will\n\
             not be tried again for them. What there is of it is attached.\n"
        }
        Report::Delayed => {
            "Your message has not reached the recipients below yet. You need not send\n\
             it again: it is kept and tried until it is delivered or returned to you.\n"
        }
        Report::Relayed => {
            "Your message was taken by the provider for the recipients below, as you\n\
             asked to be told. Whether it reaches them is not known here.\n"
        }
        Report::Verified => {
            "This is what would become of a message of yours to the recipients below.\n\
             Nothing was sent to them, and no server was asked.\n"
        }
    });
    tell_affected(&mut text, facts);
    text
}

/// Each recipient with what was said and what to do.
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
        let _ = write!(text, "Original-Recipient: {}\r\n", printable(&original_recipient(one)));
        let action = facts.report.action(one.outcome);
        let _ = write!(text, "Action: {action}\r\nStatus: {}\r\n", one.outcome.enhanced);
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

/// ORCPT decoded (RFC 3464 section 2.3.1), else as given.
fn original_recipient(one: &Affected<'_>) -> String {
    let asked = one.orcpt.and_then(|orcpt| orcpt.split_once(';'));
    match asked.and_then(|(kind, address)| Some((kind, dsn::from_xtext(address)?))) {
        Some((kind, address)) => format!("{kind}; {address}"),
        None => format!("rfc822; {}", one.given),
    }
}

/// One line of printable ASCII: delivery-status fields hold nothing else.
fn printable(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    text.chars().take(800).collect()
}
