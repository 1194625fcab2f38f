//! `mailq` and `postrider queue list`: what waits, in Postfix's layout or as JSON Lines
//! with `postqueue -j`'s members. `queue show` is in `show`, what changes the queue in `change`.

use std::io::{self, BufWriter, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::change;
use super::exit::{Exit, Failure};
use crate::config::Config;
use crate::mail::outcome::{Outcome, Status};
use crate::runner::change::Change;
use crate::runner::selection::Selection;
use crate::spool::journal::{Journal, State};
use crate::spool::{Envelope, MessageId, Spool, SpoolError};

mod show;
mod which;

pub use show::show;
pub use which::{Look, Which};

/// `postrider queue ...`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// List what waits, oldest first, as mailq does
    List {
        /// Which messages.
        #[command(flatten)]
        which: Which,
        /// What was set aside in failed/, and why
        #[arg(long)]
        failed: bool,
        /// One JSON object a line (postqueue -j's members, and more)
        #[arg(long)]
        json: bool,
    },
    /// Show one message: its envelope, what was tried, its header
    Show {
        /// The message's id, as the list has it
        id: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Do not try these messages until they are released
    Hold(Chosen),
    /// Let held messages go
    Release(Chosen),
    /// Delete messages: nobody is told, the history has them as deleted
    Delete(Chosen),
    /// Make messages due now; those of failed/ come back to the queue
    Retry {
        /// Which messages, and how what became of them is told.
        #[command(flatten)]
        chosen: Chosen,
        /// Apply canonical, virtual and aliases again, to recipients that wait
        #[arg(long)]
        readmit: bool,
    },
}

/// Messages to change.
#[derive(Debug, Clone, clap::Args)]
pub struct Chosen {
    #[command(flatten)]
    which: Which,
    /// One JSON object a message
    #[arg(long)]
    json: bool,
}

/// How a listing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, and for what reads Postfix's mailq.
    Text,
    /// For programs.
    Json,
}

impl Format {
    fn chosen(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Arguments of `queue`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Why the queue could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The spool or the message could not be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Writing the output failed.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// Not an id.
    #[error("{0:?} is no message id: ids have 16 digits and upper-case letters, `postrider queue list` shows them")]
    NoId(String),
    /// All others were listed.
    #[error("{} cannot be shown: {}", messages(.0.len()), .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unreadable(Vec<SpoolError>),
}

impl QueueError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoId(_) => Exit::Usage,
            Self::Unreadable(_) | Self::Spool(SpoolError::Damaged { .. } | SpoolError::Newer { .. }) => Exit::DataError,
            Self::Spool(SpoolError::Gone(_)) => Exit::NoInput,
            Self::Spool(SpoolError::NotOurs { .. } | SpoolError::Exposed { .. }) => Exit::NoPermission,
            Self::Spool(SpoolError::Io { error, .. }) if error.kind() == io::ErrorKind::PermissionDenied => {
                Exit::NoPermission
            }
            Self::Spool(SpoolError::Io { .. } | SpoolError::Exists(_) | SpoolError::EnvelopeTooLong { .. }) => {
                Exit::Unavailable
            }
            Self::Output(_) => Exit::IoError,
        }
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        Self::new(error.exit(), &error)
    }
}

fn messages(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// Does what `postrider queue` was told.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    let spool = Spool::find(&config.spool)?;
    let out = &mut io::stdout().lock();
    let shown = match &arguments.command {
        Command::Hold(chosen) => return changed(config, Change::Hold, chosen),
        Command::Release(chosen) => return changed(config, Change::Release, chosen),
        Command::Delete(chosen) => return changed(config, Change::Delete, chosen),
        Command::Retry { chosen, readmit: false } => return changed(config, Change::Retry, chosen),
        Command::Retry { chosen, readmit: true } => return changed(config, Change::Readmit, chosen),
        Command::List { failed: true, json, .. } => list_failed(spool.as_ref(), Format::chosen(*json), out),
        Command::List { which, failed: false, json } => {
            let selection = which.selection(config)?;
            let look = spool.as_ref().map(|spool| Look::at(config, spool, selection)).unwrap_or_default();
            list(spool.as_ref(), &look, Format::chosen(*json), out)
        }
        Command::Show { id, json } => {
            MessageId::parse(id).ok_or_else(|| QueueError::NoId(id.clone())).and_then(|id| match &spool {
                Some(spool) => show(spool, &id, Format::chosen(*json), out),
                None => Err(SpoolError::Gone(id).into()),
            })
        }
    };
    quiet(shown)
}

/// `mailq`.
pub fn mailq(config: &Config) -> Result<Exit, Failure> {
    let spool = Spool::find(&config.spool)?;
    let look = spool.as_ref().map(|spool| Look::at(config, spool, Selection::default())).unwrap_or_default();
    quiet(list(spool.as_ref(), &look, Format::Text, &mut io::stdout().lock()))
}

fn changed(config: &Config, change: Change, chosen: &Chosen) -> Result<Exit, Failure> {
    change::run(config, change, &chosen.which, Format::chosen(chosen.json))
}

/// A reader that went away is no error.
pub(super) fn quiet(result: Result<(), QueueError>) -> Result<Exit, Failure> {
    match result {
        Err(QueueError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Ok),
        other => Ok(other.map(|()| Exit::Ok)?),
    }
}

/// A message that waits.
struct Entry {
    envelope: Envelope,
    state: State,
    /// Why it waits, where its recipients have no reason of their own.
    trouble: Option<String>,
    account: Option<String>,
    is_active: bool,
}

impl Entry {
    fn read(spool: &Spool, id: &MessageId) -> Result<Self, SpoolError> {
        let mut envelope = spool.open_message(id)?.envelope;
        let state = Journal::peek(spool, id, envelope.recipients.len())?;
        envelope.join(&state);
        if state.done { Err(SpoolError::Gone(id.clone())) } else { Ok(Self::of(envelope, state)) }
    }

    fn of(envelope: Envelope, state: State) -> Self {
        let account = state.account.clone().or_else(|| envelope.account.clone());
        Self { envelope, state, trouble: None, account, is_active: false }
    }

    /// Recipients that are still waited for, with why; where only the report is still owed, those it is about.
    fn waiting(&self) -> Vec<(String, Option<String>)> {
        let mut indices = self.state.pending();
        if indices.is_empty() {
            let is_owed = |outcome: &Option<Outcome>| outcome.as_ref().is_none_or(|o| o.status != Status::Delivered);
            let owed = self.state.outcomes.iter().zip(&self.state.replaced).enumerate();
            let owed = owed.filter(|(_, (outcome, replaced))| is_owed(outcome) && !**replaced);
            indices.extend(owed.map(|(index, _)| index));
        }
        let outcome = |index: usize| self.state.outcomes.get(index).and_then(Option::as_ref);
        let why = |index: usize| outcome(index).map(reason).or_else(|| self.trouble.as_deref().map(printable));
        let recipients = self.envelope.recipients.iter().enumerate();
        recipients
            .filter(|(index, _)| indices.binary_search(index).is_ok())
            .map(|(index, recipient)| (printable(&recipient.address.to_string()), why(index)))
            .collect()
    }

    fn sender(&self) -> String {
        sender(&self.envelope)
    }
}

fn sender(envelope: &Envelope) -> String {
    envelope.sender.mailbox().map_or_else(|| "MAILER-DAEMON".to_owned(), |a| printable(&a.to_string()))
}

/// Why a recipient waits, in one line.
fn reason(outcome: &Outcome) -> String {
    printable(&match outcome.code {
        Some(code) => format!("host {} said: {code} {}", outcome.relay, outcome.reply),
        None => outcome.reply.clone(),
    })
}

/// What others wrote, without what could command a terminal or begin a line.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Lists what waits, oldest first; no spool is an empty queue. The first entry is written at once.
pub fn list(spool: Option<&Spool>, look: &Look, format: Format, out: &mut impl Write) -> Result<(), QueueError> {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    let (mut count, mut octets, mut unreadable) = (0_u64, 0_u64, Vec::new());
    let ids = spool.map_or(Ok(Vec::new()), Spool::ids)?;
    for (id, spool) in ids.iter().filter(|id| look.names(id)).filter_map(|id| spool.map(|spool| (id, spool))) {
        let entry = match Entry::read(spool, id) {
            Ok(entry) if !look.is_meant(&entry.envelope, &entry.state) => continue,
            Ok(entry) => Entry {
                trouble: look.trouble(&entry.envelope, &entry.state),
                account: look.account(&entry.envelope, &entry.state),
                is_active: look.is_active(id),
                ..entry
            },
            // Delivered while we were reading.
            Err(SpoolError::Gone(_)) => continue,
            Err(error) => {
                unreadable.push(error);
                continue;
            }
        };
        match format {
            Format::Text => text(&entry, if count == 0 { HEADINGS } else { "\n" }, &mut out)?,
            Format::Json => {
                serde_json::to_writer(&mut out, &Item::new(&entry)).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
        }
        if count == 0 {
            out.flush()?;
        }
        count += 1;
        octets = octets.saturating_add(entry.envelope.size);
    }
    match (format, count) {
        (Format::Json, _) => {}
        (Format::Text, 0) => writeln!(out, "Mail queue is empty")?,
        (Format::Text, _) => totals(count, octets, &mut out)?,
    }
    out.flush()?;
    if unreadable.is_empty() { Ok(()) } else { Err(QueueError::Unreadable(unreadable)) }
}

/// Lists what is in failed/, oldest first, with why.
fn list_failed(spool: Option<&Spool>, format: Format, out: &mut impl Write) -> Result<(), QueueError> {
    let names = spool.map_or(Ok(Vec::new()), Spool::failed)?;
    for (name, spool) in names.iter().filter_map(|name| spool.map(|spool| (name, spool))) {
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
        let sender = envelope.map_or_else(|_| "(no whole message)".to_owned(), |envelope| sender(&envelope));
        Self { queue_name: "failed", queue_id: name.to_owned(), sender, reason: spool.failed_reason(name) }
    }
}

const HEADINGS: &str = "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n";
/// The column behind the closing parenthesis of a reason, less its parentheses, as Postfix counts.
const REASON_WIDTH: usize = 76;

/// One entry as Postfix writes it with long ids; a reason stands before the recipients that share it.
fn text(entry: &Entry, before: &str, out: &mut impl Write) -> io::Result<()> {
    let Entry { envelope, state, .. } = entry;
    let mark = match (entry.is_active, state.held) {
        (true, _) => "*",
        (false, true) => "!",
        (false, false) => "",
    };
    let id = format!("{}{mark}", envelope.id);
    let arrived = envelope.arrived.to_zoned(TimeZone::system()).strftime("%a %b %e %H:%M:%S");
    writeln!(out, "{before}{id:<17} {:>8} {arrived} {}", envelope.size, entry.sender())?;
    let mut last = String::new();
    for (address, reason) in entry.waiting() {
        let reason = reason.unwrap_or_default();
        if reason != last {
            let shown = if reason.is_empty() { "reason unavailable" } else { &reason };
            let padding = REASON_WIDTH.saturating_sub(shown.chars().count());
            writeln!(out, "{:padding$}({shown})", "")?;
            last = reason;
        }
        writeln!(out, "{:17} {:8} {:19} {address}", "", "", "")?;
    }
    Ok(())
}

/// Sendmail's total before Postfix's, which must be the last line: `check_mailq` takes a machine without Postfix for one
/// with Sendmail, looks for that line alone, and without it calls a full queue empty.
fn totals(count: u64, octets: u64, out: &mut impl Write) -> io::Result<()> {
    let requests = if count == 1 { "Request" } else { "Requests" };
    writeln!(out, "\n\t\tTotal requests: {count}\n-- {} Kbytes in {count} {requests}.", octets / 1024)
}

/// An entry as `postqueue -j` has it, and our members behind.
#[derive(Serialize)]
struct Item {
    queue_name: &'static str,
    queue_id: MessageId,
    arrival_time: i64,
    message_size: u64,
    forced_expire: bool,
    sender: String,
    recipients: Vec<ItemRecipient>,
    account: Option<String>,
    attempts: u32,
    next_attempt: Option<String>,
    trouble: String,
    uid: u32,
}

#[derive(Serialize)]
struct ItemRecipient {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_reason: Option<String>,
}

impl Item {
    fn new(entry: &Entry) -> Self {
        let Entry { envelope, state, .. } = entry;
        let recipients: Vec<_> = entry.waiting();
        Self {
            queue_name: match (entry.is_active, state.held, state.attempts) {
                (true, ..) => "active",
                (false, true, _) => "hold",
                (false, false, 0) => "incoming",
                (false, false, _) => "deferred",
            },
            queue_id: envelope.id.clone(),
            arrival_time: envelope.arrived.as_second(),
            message_size: envelope.size,
            forced_expire: false,
            sender: entry.sender(),
            trouble: recipients.iter().find_map(|(_, reason)| reason.clone()).unwrap_or_default(),
            recipients: recipients
                .into_iter()
                .map(|(address, delay_reason)| ItemRecipient { address, delay_reason })
                .collect(),
            account: entry.account.clone(),
            attempts: state.attempts,
            next_attempt: state.next.map(utc),
            uid: envelope.uid,
        }
    }
}

fn utc(at: Timestamp) -> String {
    format!("{at:.6}")
}

#[cfg(test)]
#[path = "queue/tests.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
