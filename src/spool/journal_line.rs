//! One line of a journal as it is in the file.
//!
//! A line is a JSON object and a line feed. The member `t` is first, then comes one member named after the event,
//! then `a` (the offset at which the append begins) if several lines were appended together. Last comes the checksum,
//! always as these 16 bytes: `,"c":"xxxxxxxx"}`, with the CRC-32 (IEEE) as eight lower-case hexadecimal digits. It is
//! computed over the line without `,"c":"xxxxxxxx"` and without the line feed, which is again the same JSON object.
//! To check a line by hand, use `sed 's/,"c":"[0-9a-f]*"}$/}/'
//! crc32`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::MessageId;
use super::recipient::Recipient;
use crate::mail::outcome::{DsnSender, Enhanced, Outcome, SentAs, Status};

/// The longest line in bytes.
pub const MAX_LINE: usize = 128 * 1024;
/// Longer texts are cut at this many bytes. Two of them fit into a line even if every byte is escaped.
const MAX_TEXT: usize = 8 * 1024;
const CHECKSUM: &str = r#","c":""#;
const CHECKSUM_LENGTH: usize = CHECKSUM.len() + 8 + r#""}"#.len();

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// An attempt starts.
    Attempt {
        /// Counted from 1.
        number: u32,
        /// Account name.
        account: String,
        /// `host[ip]:port`.
        relay: String,
    },
    /// The outcome for one recipient.
    Outcome {
        /// Index in the envelope, recipients added later included.
        recipient: usize,
        /// The outcome.
        outcome: Outcome,
    },
    /// The next attempt is not before this time.
    Next(Timestamp),
    /// Held until released.
    Hold,
    /// Released.
    Release,
    /// Somebody requested another attempt, also for refused recipients whose refusal was not reported yet.
    Retry,
    /// A bounce with this id is stored: the refusals so far are reported.
    Returned(MessageId),
    /// A delay notice with this id is stored.
    Warned(MessageId),
    /// Another recipient, found in the current tables (`queue retry --readmit`). Its index follows the existing ones.
    Added(Recipient),
    /// Nothing more is sent to this index, because the current tables name other recipients.
    Replaced(usize),
    /// The report on the refusals of this attempt (0: the delay notice) is due in a digest.
    Owed(u32),
    /// A digest with this id is stored: all reports due so far are in it.
    Digest(MessageId),
    /// The message is finished and leaves the queue.
    Done,
}

#[derive(Serialize, Deserialize)]
struct Stamped {
    #[serde(with = "super::time")]
    t: Timestamp,
    #[serde(flatten)]
    event: Event,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<u64>,
}

/// A decoded line.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// When the line was written.
    pub at: Timestamp,
    /// The event.
    pub line: Line,
    /// The offset in the file at which its append begins, if the append had several lines. They were synced together,
    /// so a power cut may remove any of them.
    pub append_at: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Event {
    Attempt {
        number: u32,
        account: String,
        relay: String,
    },
    Outcome {
        recipient: usize,
        status: Status,
        code: Option<u16>,
        enhanced: String,
        reply: String,
        relay: String,
        /// Present if the relay sends the success report (RFC 3461). Older journals lack it; then we send it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dsn: Option<True>,
        /// The table row or key that would solve the problem.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cure: Option<String>,
        /// The address in MAIL FROM, if it differs from the envelope's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent_from: Option<String>,
        /// The address in RCPT TO, if it differs from the recipient's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent_to: Option<String>,
    },
    Next(#[serde(with = "super::time")] Timestamp),
    Hold(True),
    Release(True),
    Retry(True),
    Returned(MessageId),
    Warned(MessageId),
    Added(Recipient),
    Replaced(usize),
    Owed(u32),
    Digest(MessageId),
    Done(True),
}

/// A member whose presence alone carries the meaning; its only value is `true`.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
#[derive(Clone)]
struct True;

impl From<True> for bool {
    fn from(_: True) -> Self {
        true
    }
}

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value { Ok(Self) } else { Err("expected true") }
    }
}

/// Encodes a line, with its line feed. `append_at` is given for lines that are appended together.
pub fn encode(at: Timestamp, line: &Line, append_at: Option<u64>) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(&Stamped { t: at, event: event(line), a: append_at })?;
    let sum = crc32fast::hash(&bytes);
    bytes.pop();
    bytes.extend_from_slice(format!("{CHECKSUM}{sum:08x}\"}}\n").as_bytes());
    Ok(bytes)
}

/// Why bytes are not a line.
#[derive(Debug, PartialEq, Eq)]
pub enum NoLine {
    /// Incomplete or altered: the checksum does not match.
    Torn,
    /// Intact, but with content that this version does not know.
    Strange(String),
}

/// Decodes a line, with its line feed.
pub fn decode(bytes: &[u8]) -> Result<Written, NoLine> {
    let mut body = bare(bytes).ok_or(NoLine::Torn)?;
    body.push(b'}');
    let stamped: Stamped = serde_json::from_slice(&body).map_err(|error| NoLine::Strange(error.to_string()))?;
    let line = line(stamped.event).map_err(NoLine::Strange)?;
    Ok(Written { at: stamped.t, line, append_at: stamped.a })
}

/// The object without its checksum and closing brace, if the checksum matches.
fn bare(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = bytes.strip_suffix(b"\n")?;
    let (body, end) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_LENGTH)?)?;
    let mut sum = crc32fast::Hasher::new();
    sum.update(body);
    sum.update(b"}");
    let expected = format!("{CHECKSUM}{:08x}\"}}", sum.finalize());
    (end == expected.as_bytes()).then(|| body.to_vec())
}

fn event(line: &Line) -> Event {
    match line {
        Line::Attempt { number, account, relay } => {
            Event::Attempt { number: *number, account: clipped(account), relay: clipped(relay) }
        }
        Line::Outcome { recipient, outcome } => Event::Outcome {
            recipient: *recipient,
            status: outcome.status,
            code: outcome.code,
            enhanced: outcome.enhanced.to_string(),
            reply: clipped(&outcome.reply),
            relay: clipped(&outcome.relay),
            dsn: match outcome.dsn_sender {
                DsnSender::Us => None,
                DsnSender::Relay => Some(True),
            },
            cure: outcome.cure.as_deref().map(clipped),
            sent_from: outcome.sent_as.from.clone(),
            sent_to: outcome.sent_as.to.clone(),
        },
        Line::Next(at) => Event::Next(*at),
        Line::Hold => Event::Hold(True),
        Line::Release => Event::Release(True),
        Line::Retry => Event::Retry(True),
        Line::Returned(id) => Event::Returned(id.clone()),
        Line::Warned(id) => Event::Warned(id.clone()),
        Line::Added(recipient) => Event::Added(recipient.clone()),
        Line::Replaced(recipient) => Event::Replaced(*recipient),
        Line::Owed(attempt) => Event::Owed(*attempt),
        Line::Digest(id) => Event::Digest(id.clone()),
        Line::Done => Event::Done(True),
    }
}

fn line(event: Event) -> Result<Line, String> {
    Ok(match event {
        Event::Attempt { number, account, relay } => Line::Attempt { number, account, relay },
        Event::Outcome { recipient, status, code, enhanced, reply, relay, dsn, cure, sent_from, sent_to } => {
            let enhanced =
                Enhanced::parse(&enhanced).ok_or_else(|| format!("{enhanced:?} is not an enhanced status code"))?;
            let dsn_sender = dsn.map_or(DsnSender::Us, |True| DsnSender::Relay);
            let sent_as = SentAs { from: sent_from, to: sent_to };
            Line::Outcome {
                recipient,
                outcome: Outcome { status, code, enhanced, reply, relay, dsn_sender, cure, sent_as },
            }
        }
        Event::Next(at) => Line::Next(at),
        Event::Hold(True) => Line::Hold,
        Event::Release(True) => Line::Release,
        Event::Retry(True) => Line::Retry,
        Event::Returned(id) => Line::Returned(id),
        Event::Warned(id) => Line::Warned(id),
        Event::Added(recipient) => Line::Added(recipient),
        Event::Replaced(recipient) => Line::Replaced(recipient),
        Event::Owed(attempt) => Line::Owed(attempt),
        Event::Digest(id) => Line::Digest(id),
        Event::Done(True) => Line::Done,
    })
}

fn clipped(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}
