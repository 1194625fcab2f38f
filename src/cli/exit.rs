//! How the program ends: sysexits(3) codes by what they mean, and the one way to say
//! an error.

use std::fmt::Display;
use std::process::ExitCode;

/// The codes of sysexits(3) that are used (FORMATS.md, "Exit codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok,
    /// Done, but something wants a look (`check`), was not found (`lookup`) or is late (`status`).
    Warnings,
    /// Usage, no recipient.
    Usage,
    /// Nothing storable in the input.
    DataError,
    /// No such message.
    NoInput,
    /// Every recipient refused; the queue cannot be read.
    Unavailable,
    /// Something that should not happen did.
    Software,
    /// System error.
    OsError,
    /// The output cannot be written.
    IoError,
    /// Not now; the caller keeps its mail.
    TempFail,
    /// Not allowed.
    NoPermission,
    /// No usable configuration.
    Config,
    /// `status` alone: somebody is needed.
    Critical,
    /// `status` alone: it could not look.
    CannotTell,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warnings => 1,
            Self::Usage => 64,
            Self::DataError => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Software => 70,
            Self::OsError => 71,
            Self::IoError => 74,
            Self::TempFail => 75,
            Self::NoPermission => 77,
            Self::Config => 78,
            Self::Critical => 2,
            Self::CannotTell => 3,
        }
    }
}

impl Exit {
    /// The one with this number, of those that a runner answers with.
    #[must_use]
    pub fn of_code(code: u8) -> Option<Self> {
        let all = [
            Self::Usage,
            Self::DataError,
            Self::NoInput,
            Self::OsError,
            Self::TempFail,
            Self::NoPermission,
            Self::Config,
        ];
        all.into_iter().find(|exit| exit.code() == code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that ended badly: the line for stderr and the code.
#[derive(Debug)]
pub struct Failure {
    /// What was tried, what was seen, what to do.
    pub message: String,
    /// The code.
    pub exit: Exit,
}

impl Failure {
    /// From anything that reads as a sentence.
    pub fn new(exit: Exit, message: impl Display) -> Self {
        Self { message: message.to_string(), exit }
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::new(Exit::Config, error)
    }
}

impl From<crate::spool::SpoolError> for Failure {
    fn from(error: crate::spool::SpoolError) -> Self {
        Self::new(Exit::TempFail, error)
    }
}
