//! Why the queue could not be read or changed, by its spool or by its runner.

use std::io;

use crate::config::places::SOCKET;
use crate::spool::SpoolError;
use crate::submit::wire::reply::Refused;
use crate::sys::sysexits::Exit;

/// Why a request has no response, or none to its end.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The spool could not be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Whatever the response was for takes no more of it.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// The runner refuses.
    #[error(transparent)]
    Refused(Refused),
    /// The machine's runner is not there.
    #[error(
        "the postrider service is not running (nothing answers at {SOCKET}), and only root can read the queue without it; submitted mail \
         waits safely (as root, run \"systemctl start postrider\")"
    )]
    NoRunner,
    /// A runner is there, but did not begin to respond.
    #[error("cannot query the runner at {0}: {1}; try again")]
    NotAsked(String, io::Error),
    /// It began to respond.
    #[error("lost the connection to the runner at {0}: {1}; the mail is still queued (see `mailq`), try again")]
    CutShort(String, io::Error),
    /// What it responds is not in this version of the protocol.
    #[error(
        "unexpected response from the runner at {0} ({1}); after an upgrade, restart the runner so that it has the same version as this command"
    )]
    NotUnderstood(String, serde_json::Error),
    /// It holds the lock, but does not listen.
    #[error("the runner of {0} does not respond; is its process stopped?")]
    Silent(String),
}

impl AccessError {
    /// What a command exits with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Refused(refused) => refused.exit,
            Self::Output(_) => Exit::IoError,
            Self::Spool(_)
            | Self::NoRunner
            | Self::NotAsked(..)
            | Self::CutShort(..)
            | Self::NotUnderstood(..)
            | Self::Silent(_) => Exit::TempFail,
        }
    }
}

/// As a peer is told: a message that is gone looks like one that belongs to another user.
impl From<SpoolError> for Refused {
    fn from(error: SpoolError) -> Self {
        let exit = if matches!(error, SpoolError::Gone(_)) { Exit::NoInput } else { Exit::TempFail };
        Self { exit, text: error.to_string() }
    }
}

impl From<AccessError> for Refused {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Refused(refused) => refused,
            AccessError::Spool(error) => error.into(),
            other => Self::later(other),
        }
    }
}
