//! How a program ends: the codes of sysexits(3), by which callers of sendmail(8) and peers on
//! the runner's sockets learn what to do, and the few that monitoring plug-ins use.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// An exit code by what it means. On the sockets it travels as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", from = "u8")]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Done, but something wants a look (`check`), was not found (`lookup`) or is late (`status`).
    Warnings = 1,
    /// `status` alone: somebody is needed.
    Critical = 2,
    /// `status` alone: it could not look.
    CannotTell = 3,
    /// `EX_USAGE`: usage, no recipient.
    Usage = 64,
    /// `EX_DATAERR`: nothing storable in the input.
    DataError = 65,
    /// `EX_NOINPUT`: no such message.
    NoInput = 66,
    /// `EX_UNAVAILABLE`: every recipient refused; the queue cannot be read.
    Unavailable = 69,
    /// `EX_SOFTWARE`: something that should not happen did.
    Software = 70,
    /// `EX_OSERR`: system error.
    OsError = 71,
    /// `EX_IOERR`: the output cannot be written.
    IoError = 74,
    /// `EX_TEMPFAIL`: not now; the caller keeps its mail.
    TempFail = 75,
    /// `EX_NOPERM`: not allowed.
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

/// The code that a peer refuses with. A number that no refusal has, 0 among them, is a temporary
/// failure, so that a caller never takes a refusal for success and keeps its mail.
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
