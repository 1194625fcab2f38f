//! Exit codes: those of sysexits(3), by which callers of sendmail(8) and peers on the runner's sockets learn what to
//! do, and the few that monitoring plug-ins use.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// An exit code. On the sockets it is sent as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", from = "u8")]
pub enum Exit {
    /// Success.
    Ok = 0,
    /// Done, but something needs a look (`check`), was not found (`lookup`) or is late (`status`).
    Warnings = 1,
    /// `status` only: something needs to be fixed.
    Critical = 2,
    /// `status` only: the state could not be determined.
    CannotTell = 3,
    /// `EX_USAGE`: wrong usage, or no recipient.
    Usage = 64,
    /// `EX_DATAERR`: the input is not a message that can be stored.
    DataError = 65,
    /// `EX_NOINPUT`: no such message.
    NoInput = 66,
    /// `EX_UNAVAILABLE`: every recipient was refused, or the queue cannot be read.
    Unavailable = 69,
    /// `EX_SOFTWARE`: an internal error.
    Software = 70,
    /// `EX_OSERR`: system error.
    OsError = 71,
    /// `EX_IOERR`: the output cannot be written.
    IoError = 74,
    /// `EX_TEMPFAIL`: a temporary failure; the caller keeps its mail and tries again.
    TempFail = 75,
    /// `EX_NOPERM`: permission denied.
    NoPermission = 77,
    /// `EX_CONFIG`: no usable configuration.
    Config = 78,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit.code()
    }
}

/// The exit code for a refusal by a peer. A number that no refusal has, such as 0, is a temporary failure: a caller
/// must never take a refusal for success, and must keep its mail.
impl From<u8> for Exit {
    fn from(code: u8) -> Self {
        let refusals = [
            Self::Usage,
            Self::DataError,
            Self::NoInput,
            Self::Unavailable,
            Self::Software,
            Self::OsError,
            Self::IoError,
            Self::NoPermission,
            Self::Config,
        ];
        refusals.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::TempFail)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests;
