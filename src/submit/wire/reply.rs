//! The runner's reply to a submission, one line: `ok ID` once the message is on disk, or `no CODE TEXT` with a code
//! of sysexits(3). Only this file writes and parses it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spool::MessageId;
use crate::sys::sysexits::Exit;

/// The runner's reply to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The message is on disk.
    Stored(MessageId),
    /// Nothing was stored.
    Refused(Refused),
}

/// A refusal by the runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    /// The caller's exit code.
    #[serde(rename = "code")]
    pub exit: Exit,
    /// The reason.
    #[serde(rename = "reason")]
    pub text: String,
}

impl Refused {
    /// A temporary refusal: the caller keeps its message and tries again.
    pub fn later(text: impl fmt::Display) -> Self {
        Self { exit: Exit::TempFail, text: text.to_string() }
    }
}

impl Reply {
    /// Parses a line without its line end. `None` if it is neither form; then it is unknown whether the message was
    /// stored.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        if let Some(id) = line.strip_prefix("ok ") {
            return MessageId::parse(id).map(Self::Stored);
        }
        let (code, text) = line.strip_prefix("no ")?.split_once(' ')?;
        let exit = Exit::from(code.parse::<u8>().ok()?);
        Some(Self::Refused(Refused { exit, text: text.to_owned() }))
    }
}

/// The line with its line end.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored(id) => writeln!(f, "ok {id}"),
            Self::Refused(Refused { exit, text }) => {
                writeln!(f, "no {} {}", exit.code(), text.replace(['\n', '\r'], " "))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
