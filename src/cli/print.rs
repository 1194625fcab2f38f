//! What commands print. Where nobody reads it any more, or the disk is full, the work goes on and the exit code tells: `println!`
//! would panic.

use std::fmt::Display;
use std::io::{self, Write as _};

use crate::mail::printable::printable;

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
    let _ = try_text(text);
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

/// A line on standard output that may name an address or a key as it was given.
pub(super) fn say(line: &str) {
    print_line!("{}", printable(line));
}
