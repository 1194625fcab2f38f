//! `mailq` and `postrider queue list`: what waits, in Postfix's layout or as JSON Lines
//! with `postqueue -j`'s members. `queue show` is in `show`, what changes the queue in `change`.

pub mod modify;
mod selection_args;
mod show;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::remote;
use crate::config::Config;
use crate::control::listing::{self, Item, ListEvent, Look, NotListed, Totals, printable};
use crate::control::modify::Change;
use crate::control::selection::Selection;
use crate::runner::listener::query::{Answer, Question};
use crate::spool::{MessageId, Spool, SpoolError};

pub use self::selection_args::Which;
pub use show::show;

/// `postrider queue ...`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// List queued messages, oldest first, like mailq
    List {
        /// Which messages.
        #[command(flatten)]
        which: Which,
        /// List the contents of failed/, with reasons
        #[arg(long)]
        failed: bool,
        /// Print one JSON object per line (with the members of postqueue -j, and more)
        #[arg(long)]
        json: bool,
    },
    /// Show one message: envelope, attempts and header
    Show {
        /// The message id, as listed by mailq
        id: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Do not send messages until they are released
    Hold(Chosen),
    /// Release held messages
    Release(Chosen),
    /// Delete messages without notifying anybody; the history lists them as deleted
    Delete(Chosen),
    /// Make messages due now; those in failed/ return to the queue
    Retry {
        /// Which messages, and how what became of them is told.
        #[command(flatten)]
        chosen: Chosen,
        /// Apply canonical, virtual and aliases again to recipients that still wait
        #[arg(long)]
        readmit: bool,
    },
}

/// Messages to change.
#[derive(Debug, Clone, clap::Args)]
pub struct Chosen {
    #[command(flatten)]
    which: Which,
    /// Print one JSON object per message
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
    #[error("{0:?} is not a message id: ids are 16 characters, 0-9 and A-F; `postrider queue list` shows them")]
    NoId(String),
    /// All others were listed.
    #[error("cannot show {}: {}", messages(.0.len()), .0.join("; "))]
    Unreadable(Vec<String>),
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

impl From<NotListed> for QueueError {
    fn from(error: NotListed) -> Self {
        match error {
            NotListed::Spool(error) => Self::Spool(error),
            NotListed::Output(error) => Self::Output(error),
        }
    }
}

/// Does what `postrider queue` was told, on a spool that this process may read.
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
            let selection = which.selection(Some(config))?;
            let look = spool.as_ref().map(|spool| selection_args::look(config, spool, selection)).unwrap_or_default();
            list(spool.as_ref(), &look, Format::chosen(*json), out)
        }
        Command::Show { id, json } => read_id(id).and_then(|id| match &spool {
            Some(spool) => show(spool, &id, Format::chosen(*json), out),
            None => Err(SpoolError::Gone(id).into()),
        }),
    };
    quiet(shown)
}

/// The same by asking the runner.
pub fn run_remotely(arguments: &Arguments) -> Result<Exit, Failure> {
    let (change, chosen) = match &arguments.command {
        Command::Hold(chosen) => (Change::Hold, chosen),
        Command::Release(chosen) => (Change::Release, chosen),
        Command::Delete(chosen) => (Change::Delete, chosen),
        Command::Retry { chosen, readmit: false } => (Change::Retry, chosen),
        Command::Retry { chosen, readmit: true } => (Change::Readmit, chosen),
        Command::List { failed: true, .. } => {
            let message = "only root can list failed/: run this as root";
            return Err(Failure::new(Exit::NoPermission, message));
        }
        Command::List { which, failed: false, json } => {
            return list_remotely(which.selection(None)?, Format::chosen(*json));
        }
        Command::Show { id, json } => {
            let Answer::Shown(shown) = remote::ask_one(&Question::Show { id: read_id(id)? })? else {
                return Err(remote::failure(&io::ErrorKind::InvalidData.into()));
            };
            return quiet(show::tell(&shown, Format::chosen(*json), &mut io::stdout().lock()));
        }
    };
    modify::run_remotely(change, &chosen.which, Format::chosen(chosen.json))
}

fn read_id(id: &str) -> Result<MessageId, QueueError> {
    MessageId::parse(id).ok_or_else(|| QueueError::NoId(id.to_owned()))
}

/// `mailq`.
pub fn mailq(config: &Config) -> Result<Exit, Failure> {
    let spool = Spool::find(&config.spool)?;
    let selection = Selection::default();
    let look = spool.as_ref().map(|spool| selection_args::look(config, spool, selection)).unwrap_or_default();
    quiet(list(spool.as_ref(), &look, Format::Text, &mut io::stdout().lock()))
}

/// `mailq` of somebody who may not read the queue.
pub(super) fn mailq_remotely() -> Result<Exit, Failure> {
    list_remotely(Selection::default(), Format::Text)
}

/// Whether `mailq` with this config has to ask.
pub(super) fn is_remote(named: Option<&Path>) -> bool {
    remote::is_needed(named)
}

fn changed(config: &Config, change: Change, chosen: &Chosen) -> Result<Exit, Failure> {
    modify::run(config, change, &chosen.which, Format::chosen(chosen.json))
}

/// A reader that went away is no error.
pub(super) fn quiet(result: Result<(), QueueError>) -> Result<Exit, Failure> {
    match result {
        Err(QueueError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Ok),
        other => Ok(other.map(|()| Exit::Ok)?),
    }
}

/// Lists what waits, oldest first; no spool is an empty queue. The first entry is written at once.
pub fn list(spool: Option<&Spool>, look: &Look, format: Format, out: &mut impl Write) -> Result<(), QueueError> {
    let mut printer = Printer::new(format, out);
    let totals = match spool {
        None => Totals::default(),
        Some(spool) => look.list(spool, |met| match met {
            ListEvent::Item(item) => printer.item(&item),
            ListEvent::Unreadable(error) => {
                printer.unreadable.push(error.to_string());
                Ok(())
            }
        })?,
    };
    printer.end(totals)
}

/// The same by asking the runner.
fn list_remotely(selection: Selection, format: Format) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    let mut printer = Printer::new(format, &mut out);
    for answer in remote::ask(&Question::List { selection })? {
        match answer.map_err(|error| remote::failure(&error))? {
            Answer::Item(item) => match printer.item(&item) {
                Ok(()) => {}
                Err(error) => return quiet(Err(error.into())),
            },
            Answer::Unreadable { reason } => printer.unreadable.push(reason),
            Answer::Totals(totals) => return quiet(printer.end(totals)),
            Answer::No { code, reason } => return Err(remote::refused(code, &reason)),
            Answer::Shown(_) | Answer::Record { .. } | Answer::Status(_) | Answer::Hello { .. } | Answer::Finished => {}
        }
    }
    Err(remote::failure(&io::ErrorKind::UnexpectedEof.into()))
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
            (Format::Text, 0) => writeln!(self.out, "Mail queue is empty")?,
            (Format::Text, _) => totals(all, &mut self.out)?,
        }
        self.out.flush()?;
        if self.unreadable.is_empty() { Ok(()) } else { Err(QueueError::Unreadable(self.unreadable)) }
    }
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
        let sender = envelope.map_or_else(|_| "(incomplete message)".to_owned(), |envelope| listing::sender(&envelope));
        Self { queue_name: "failed", queue_id: name.to_owned(), sender, reason: spool.failed_reason(name) }
    }
}

const HEADINGS: &str = "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n";
/// The column behind the closing parenthesis of a reason, less its parentheses, as Postfix counts.
const REASON_WIDTH: usize = 76;

/// One entry as Postfix writes it with long ids; a reason stands before the recipients that share it.
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
fn totals(Totals { messages, octets }: Totals, out: &mut impl Write) -> io::Result<()> {
    let requests = if messages == 1 { "Request" } else { "Requests" };
    writeln!(out, "\n\t\tTotal requests: {messages}\n-- {} Kbytes in {messages} {requests}.", octets / 1024)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
