//! What commands print. Where nobody reads it any more, or the disk is full, the work goes on (`println!` would panic), and the
//! exit code tells that output was lost. A reader that has gone wanted no more, so that is no error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

use super::colour::Colour;
use super::exit::Exit;
use crate::mail::printable::printable;

/// Why output was lost, the first time. A process has one standard output and one exit code: that each line which is printed
/// returns an error would put the same question to every command, with one answer.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// A line on standard output.
macro_rules! print_line {
    ($($text:tt)*) => { $crate::cli::print::text(format_args!("{}\n", format_args!($($text)*))) };
}

/// A line on standard error.
macro_rules! complain {
    ($($text:tt)*) => { $crate::cli::print::aside(format_args!("{}\n", format_args!($($text)*))) };
}

/// Text on standard output.
pub(super) fn text(text: impl Display) {
    if let Err(error) = try_text(text)
        && error.kind() != ErrorKind::BrokenPipe
    {
        // Only the first is told.
        let _ = LOST.set(error);
    }
}

/// What a command exits with whose output may have been lost. One that did not end well keeps its own code.
pub(super) fn checked(exit: Exit, if_lost: Exit) -> Exit {
    let Some(error) = LOST.get() else { return exit };
    complain!("postrider: cannot write the output: {error}");
    if exit == Exit::Ok { if_lost } else { exit }
}

/// The same, where it matters whether it gets there.
pub(super) fn try_text(text: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}").and_then(|()| stdout.flush())
}

/// Text on standard error.
pub(super) fn aside(text: impl Display) {
    let _ = write!(io::stderr(), "{text}");
}

/// The same for a line that may begin with a word that says how things are.
pub(super) fn say_verdict(line: &str) {
    print_line!("{}", Colour::of_stdout().verdict(&printable(line)));
}

/// A line on standard output that may name an address or a key as it was given.
pub(super) fn say(line: &str) {
    print_line!("{}", printable(line));
}
