//! The protocol of both of the runner's sockets: one JSON line requests, JSON lines respond.
//! Everything that writes or reads such a line is here. A submission, which is a frame and
//! no line of JSON, and its reply are in `submit::wire`.

use std::io::{self, BufRead, BufReader, Read, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::listing::{Item, Listed, Totals};
use super::message_detail::{MessageDetail, Part};
use super::message_ids::Place;
use super::modify::{Change, Changed};
use super::report::Report;
use super::selection::Selection;
use super::verify::Verify;
use crate::config::Config;
use crate::spool::{IdPrefix, MessageId, SpoolError};
use crate::submit::wire::reply::{Refused, Reply};
use crate::sys::sysexits::Exit;

/// What this program speaks. It grows when a line changes its meaning: after an upgrade, commands
/// and a runner that was not restarted yet must not misread each other.
pub const VERSION: u32 = 1;

/// What may be requested. None of it is authorised: see [`super::access`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub enum Request {
    /// Which messages are queued?
    List {
        /// Of these.
        #[serde(flatten)]
        selection: Selection,
    },
    /// One message in detail.
    Show {
        /// Its id.
        id: MessageId,
        /// Where it is.
        #[serde(default)]
        place: Place,
        /// How much of its content.
        #[serde(default)]
        part: Part,
    },
    /// Which messages begin so?
    Ids {
        /// The first digits.
        prefix: IdPrefix,
        /// Where they are.
        #[serde(default)]
        place: Place,
    },
    /// Which messages have left the queue?
    History {
        /// Not before.
        since: Option<Timestamp>,
    },
    /// Is mail flowing?
    Status,
    /// Report by mail what would become of this mail.
    Verify(Verify),
    /// What does the greeting of an SMTP dialogue say?
    Hello,
    /// Attempt these now, and report what became of them.
    Flush {
        /// Which.
        #[serde(flatten)]
        selection: Selection,
        /// How much is reported.
        #[serde(default)]
        detail: Detail,
    },
    /// Change these.
    Change {
        /// How.
        change: Change,
        /// Which.
        #[serde(flatten)]
        selection: Selection,
    },
    /// Which messages are being sent just now?
    Active,
    /// What does the runner count?
    Metrics,
}

/// What a flush reports. Thousands of messages have ten times as many steps, which nobody should write and read for nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// The result of each message.
    Results,
    /// The conversation with the server as well.
    #[default]
    Conversation,
}

/// A line of a response.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Response {
    /// A queued message.
    Item(Box<Item>),
    /// A queued message that cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// The end of a list.
    Totals(Totals),
    /// A message in detail.
    Shown(Box<MessageDetail>),
    /// A line of history, as it is stored.
    Record {
        /// JSON.
        line: String,
    },
    /// Whether mail is flowing, and if not, why.
    Status(Box<Report>),
    /// Figures.
    Metrics {
        /// As Prometheus reads them.
        text: String,
    },
    /// What the greeting says.
    Hello(Greeting),
    /// So many messages will be attempted.
    Asked {
        /// How many.
        messages: usize,
    },
    /// A line of a session, marked as people read it (`>`, `<`, `-`).
    Step {
        /// As in `> EHLO ...`.
        line: String,
    },
    /// A message was attempted.
    Result {
        /// The message.
        id: MessageId,
        /// Recipients delivered, over all attempts.
        delivered: usize,
        /// Recipients refused, over all attempts.
        refused: usize,
        /// Recipients still waiting.
        waiting: usize,
        /// Of one that waits or was refused.
        reason: String,
    },
    /// A message could not be attempted.
    Waiting {
        /// The message.
        id: MessageId,
        /// Why.
        reason: String,
    },
    /// A message was changed as asked.
    Changed {
        /// The message, or its name in failed/; behind `as`, the id that it has now.
        id: String,
    },
    /// A message was not changed.
    Unchanged {
        /// The message, or empty where the queue could not be read.
        id: String,
        /// Why.
        reason: String,
    },
    /// These messages begin as requested.
    Ids {
        /// Their ids.
        ids: Vec<MessageId>,
    },
    /// These messages are being sent.
    Active {
        /// Their ids.
        ids: Vec<MessageId>,
    },
    /// The request is refused.
    No(Refused),
    /// That was all.
    Finished,
}

/// What the greeting of an SMTP dialogue needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The machine's name.
    pub hostname: String,
    /// The domain of addresses that have none.
    pub origin: String,
    /// The longest message, in octets.
    pub size: u64,
}

impl From<&Config> for Greeting {
    fn from(config: &Config) -> Self {
        let Config { hostname, origin, queue, .. } = config;
        Self { hostname: hostname.clone(), origin: origin.clone(), size: queue.max_message_size }
    }
}

impl Response {
    /// Whether no line follows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Totals(_)
                | Self::Shown(_)
                | Self::Status(_)
                | Self::Metrics { .. }
                | Self::Hello(_)
                | Self::Ids { .. }
                | Self::No(_)
                | Self::Finished
        )
    }

    /// What became of a change.
    #[must_use]
    pub fn of_change(id: &str, changed: Result<Changed, SpoolError>) -> Self {
        match changed {
            Ok(Changed::Done | Changed::Already) => Self::Changed { id: id.to_owned() },
            Ok(Changed::As(new)) => Self::Changed { id: format!("{id} as {new}") },
            Ok(Changed::Refused(reason)) => Self::Unchanged { id: id.to_owned(), reason },
            Err(error) => Self::Unchanged { id: id.to_owned(), reason: error.to_string() },
        }
    }

    /// Writes the line.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        write_line(self, out)
    }

    /// Reads a line, without its end. A runner also refuses as it refuses a submission.
    pub fn parse(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line).or_else(|error| match Reply::parse(line) {
            Some(Reply::Refused(refused)) => Ok(Self::No(refused)),
            Some(Reply::Stored(_)) | None => Err(error),
        })
    }
}

impl From<Listed> for Response {
    fn from(listed: Listed) -> Self {
        match listed {
            Listed::Item(item) => Self::Item(item),
            Listed::Unreadable(reason) => Self::Unreadable { reason },
        }
    }
}

/// A request as it travels.
#[derive(Serialize)]
struct Versioned<'a> {
    v: u32,
    #[serde(flatten)]
    request: &'a Request,
}

/// What every version's request says.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Request {
    /// Writes the line.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        write_line(&Versioned { v: VERSION, request: self }, out)
    }

    /// Reads a line of so many octets at most, or the refusal to respond with.
    pub fn read(input: impl Read, most: u64) -> io::Result<Result<Self, Refused>> {
        let mut line = String::new();
        BufReader::new(input.take(most)).read_line(&mut line)?;
        Ok(Self::parse(&line))
    }

    fn parse(line: &str) -> Result<Self, Refused> {
        let invalid = |error| Refused { exit: Exit::Usage, text: format!("invalid request: {error}") };
        let Version { v } = serde_json::from_str(line).map_err(invalid)?;
        if v != VERSION {
            return Err(Refused::later(format_args!(
                "the request uses protocol version {v}, this runner version {VERSION}; after an upgrade, restart the runner so that it \
                 has the same version as this command"
            )));
        }
        serde_json::from_str(line).map_err(invalid)
    }
}

/// In one write: sockets are not buffered.
fn write_line(value: &impl Serialize, mut out: impl Write) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    out.write_all(&line)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
