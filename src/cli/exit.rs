//! A command that ended badly: its exit code, and the one way to report an error. The
//! codes themselves are in `sys::sysexits`.

use std::fmt::Display;

use crate::control::error::AccessError;
pub use crate::sys::sysexits::Exit;

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
        let exit = if error.may_pass() { Exit::TempFail } else { Exit::Config };
        Self::new(exit, error)
    }
}

impl From<crate::spool::SpoolError> for Failure {
    fn from(error: crate::spool::SpoolError) -> Self {
        Self::new(Exit::TempFail, error)
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        Self::new(error.exit(), error)
    }
}
