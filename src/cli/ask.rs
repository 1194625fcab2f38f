//! Questions and remarks on the terminal.

use std::io::{self, BufRead as _, IsTerminal as _};

use super::exit::{Exit, Failure};
use super::print;
use crate::mail::printable::printable;

/// A remark, beside the answers: what the command prints is another matter.
pub(super) fn say(text: &str) {
    complain!("- {}", printable(text));
}

/// Asks until the answer can be read; on a terminal only, since nobody else would give another.
pub(super) fn question<T>(text: &str, usual: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T, Failure> {
    let stdin = io::stdin();
    loop {
        // Where nobody sees the question, the answer counts.
        let hint = if usual.is_empty() { String::new() } else { format!(" [{usual}]") };
        print::aside(format_args!("{text}{hint}: "));
        let mut line = String::new();
        let failed = |error| Failure::new(Exit::IoError, format_args!("cannot read the answer: {error}"));
        if stdin.lock().read_line(&mut line).map_err(failed)? == 0 {
            return Err(Failure::new(Exit::DataError, "unexpected end of input; nothing was written"));
        }
        let answer = if line.trim().is_empty() { usual } else { line.trim() };
        match read(answer) {
            Ok(value) => return Ok(value),
            Err(problem) if stdin.is_terminal() => complain!("{problem}"),
            Err(problem) => {
                return Err(Failure::new(Exit::DataError, format_args!("{answer:?}: {problem}; nothing was written")));
            }
        }
    }
}

/// Whether there is somebody to ask again.
pub(super) fn is_attended() -> bool {
    io::stdin().is_terminal()
}
