//! Why a call of sendmail(8) failed, the exit code of each failure, and telling it: one
//! line on stderr, or nothing where the caller wants to hear nothing.

use std::fmt::Display;
use std::io::{self, Write};

use super::option_values::Errors;
use super::options::UsageError;
use crate::cli::exit::{self, Exit};
use crate::config::TableFault;
use crate::control::error::AccessError;
use crate::control::verify::NotVerified;
use crate::mail::printable::printable;
use crate::spool::SpoolError;
use crate::submit::admit::complete::EnvelopeError;
use crate::submit::admit::store::AdmitError;
use crate::submit::frontend::client::NotHandedIn;
use crate::submit::frontend::header_reader::HeadError;

/// What did not come about.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error("cannot open the spool: {0}; the message was not accepted, try again later")]
    Spool(SpoolError),
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error(transparent)]
    Admit(#[from] AdmitError),
    #[error(transparent)]
    HandIn(#[from] NotHandedIn),
    /// Stored, attempted at once, and bounced: the sender has the report.
    #[error("every recipient was refused: {0}; the message bounced")]
    Refused(String),
    /// The sender is told by mail.
    #[error("{0}")]
    Returned(Box<Failure>),
    /// `-bv`.
    #[error(transparent)]
    Verify(#[from] NotVerified),
    /// `-bi`.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Tables(Vec<TableFault>),
    #[error("cannot start {0}: {1}")]
    Start(&'static str, io::Error),
    /// The connection of `-bs` broke, or its reason was told over it.
    #[error("the SMTP client disconnected: {0}")]
    Client(io::Error),
    #[error("{}", .0.message)]
    Command(exit::Failure),
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        Self::Command(error.into())
    }
}

impl From<exit::Failure> for Failure {
    fn from(failure: exit::Failure) -> Self {
        Self::Command(failure)
    }
}

impl Failure {
    /// By what it means (sysexits(3)); sendmail(8) has the table.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Head(HeadError::TooLong) | Self::HandIn(NotHandedIn::TooBig(_)) => Exit::DataError,
            Self::Admit(error) => error.exit(),
            Self::Refused(_) => Exit::Unavailable,
            Self::Head(HeadError::Read(_))
            | Self::Start(..)
            | Self::HandIn(NotHandedIn::Read(_) | NotHandedIn::MessageIds(_)) => Exit::OsError,
            Self::Client(_) => Exit::IoError,
            Self::Spool(_) | Self::HandIn(NotHandedIn::NoWay(_) | NotHandedIn::Buffer(_)) => Exit::TempFail,
            Self::HandIn(NotHandedIn::Refused(refused)) => refused.exit,
            Self::Verify(error) => error.exit(),
            Self::Tables(_) => Exit::Config,
            Self::Returned(failure) => failure.exit(),
            Self::Command(failure) => failure.exit,
        }
    }

    /// Whether the message itself is at fault, so that its sender can mend it and the spool can store the report.
    pub(super) fn is_about_the_message(&self) -> bool {
        match self {
            Self::Admit(AdmitError::Envelope(EnvelopeError::Table(_))) => false,
            other => matches!(
                other,
                Self::Head(HeadError::TooLong)
                    | Self::Admit(AdmitError::Envelope(_) | AdmitError::HeaderTooLong | AdmitError::TooBig(_))
            ),
        }
    }

    fn is_reported_by_mail(&self) -> bool {
        matches!(self, Self::Returned(_) | Self::Refused(_))
    }
}

/// The name before each complaint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program(pub(super) &'static str);

impl Program {
    /// Says something that changes nothing.
    pub(super) fn warn(self, what: impl Display) {
        self.say(&what.to_string());
    }

    /// Tells a failure as the caller wishes; the code to exit with.
    pub(super) fn tell(self, failure: &Failure, errors: Errors) -> Exit {
        match (errors, failure.is_reported_by_mail()) {
            (Errors::Print, _) | (Errors::Mail | Errors::MailAndSucceed, false) => self.say(&failure.to_string()),
            (Errors::Quiet, _) | (Errors::Mail | Errors::MailAndSucceed, true) => {}
        }
        match (errors, failure.is_reported_by_mail()) {
            (Errors::MailAndSucceed, true) => Exit::Ok,
            _ => failure.exit(),
        }
    }

    /// One line on stderr; callers show no more, and some take the first line for all of it.
    fn say(self, text: &str) {
        let _ = io::stderr().write_all(line(self, text).as_bytes());
    }
}

fn line(Program(program): Program, text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let more = match lines.count() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!("{program}: {}{more}\n", printable(first))
}

#[cfg(test)]
mod tests;
