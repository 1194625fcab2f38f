//! How a queue is written, for people or for programs, and why it could not be.

use std::io;

use crate::cli::exit::{Exit, Failure};
use crate::control::error::AccessError;
use crate::spool::SpoolError;

/// How a listing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For what reads Postfix's mailq, and people who are used to it.
    Mailq,
    /// For programs.
    Json,
}

impl From<bool> for Format {
    /// What the flag `--json` chooses.
    fn from(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Why the queue could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It, or one message, could not be read; or the output not be written.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Not an id.
    #[error(
        "{0:?} is not a message id: ids are 16 characters, 0-9 and A-F, or the first of them; `postrider queue list` shows them"
    )]
    NoId(String),
    /// There is no such message.
    #[error(
        "no message in the queue has an id that begins with {0}; `postrider history` shows those that have left it"
    )]
    NoneBegins(String),
    /// More than one message has these first digits.
    #[error("{0} is ambiguous; messages that begin so: {candidates}", candidates = .1.join(", "))]
    Ambiguous(String, Vec<String>),
    /// The runner shows it to root and operators only.
    #[error("permission denied: only root and `operators` may see the text of a message")]
    NoBody,
    /// All others were listed.
    #[error("cannot show {}: {}", plural(.0.len() as u64), .0.join("; "))]
    Unreadable(Vec<String>),
}

impl From<io::Error> for QueueError {
    fn from(error: io::Error) -> Self {
        Self::Access(AccessError::Output(error))
    }
}

impl QueueError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::NoId(_) | Self::Ambiguous(..) => Exit::Usage,
            Self::NoneBegins(_) => Exit::NoInput,
            Self::NoBody => Exit::NoPermission,
            Self::Unreadable(_) => Exit::DataError,
            Self::Access(AccessError::Spool(error)) => match error {
                SpoolError::Damaged { .. } | SpoolError::Newer { .. } => Exit::DataError,
                SpoolError::Gone(_) => Exit::NoInput,
                SpoolError::NotOurs { .. } | SpoolError::Exposed { .. } | SpoolError::Shared { .. } => {
                    Exit::NoPermission
                }
                SpoolError::Io { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => Exit::NoPermission,
                SpoolError::Io { .. } | SpoolError::Exists(_) | SpoolError::EnvelopeTooLong { .. } => Exit::Unavailable,
            },
            Self::Access(error) => error.exit(),
        }
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        Self::new(error.exit(), &error)
    }
}

/// As in "3 messages".
pub(super) fn plural(messages: u64) -> String {
    if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") }
}

/// An address, and the one that the server was given where that is another.
pub(in crate::cli) fn changed(address: &str, sent: Option<&str>) -> String {
    sent.map_or_else(|| address.to_owned(), |sent| format!("{address} as {sent}"))
}

/// A reader that went away is no error.
pub(in crate::cli) fn quiet(result: Result<(), QueueError>) -> Result<Exit, Failure> {
    match result {
        Err(QueueError::Access(AccessError::Output(error))) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(Exit::Ok)
        }
        other => Ok(other.map(|()| Exit::Ok)?),
    }
}
