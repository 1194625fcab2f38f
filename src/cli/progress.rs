//! A bar at the foot of a terminal for work that takes long; nothing where the output is
//! not one. Lines are written above it.

use super::print;
use std::io::{self, IsTerminal as _};

/// The widest that a bar becomes.
const WIDEST: usize = 40;

/// How far the work is.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    done: usize,
    /// None: no terminal, or one that cannot go back in a line.
    columns: Option<usize>,
}

impl Progress {
    /// On standard output, if that is a terminal.
    #[must_use]
    pub fn on_stdout() -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let stdout = io::stdout();
        let columns = (stdout.is_terminal() && !is_dumb)
            .then(|| rustix::termios::tcgetwinsize(&stdout).map_or(80, |size| usize::from(size.ws_col)).max(20));
        Self { total: 0, done: 0, columns }
    }

    /// None at all: something else is shown.
    #[must_use]
    pub fn hidden() -> Self {
        Self { total: 0, done: 0, columns: None }
    }

    /// So much there is to do.
    pub fn begin(&mut self, total: usize) {
        self.total = total;
        self.draw();
    }

    /// One more is done, of which this line tells.
    pub fn done(&mut self, line: &str) {
        self.done += 1;
        self.say(line);
    }

    /// A line above the bar; a reader that has gone is no reason to stop the work.
    pub fn say(&self, line: &str) {
        self.wipe();
        print::say(line);
        self.draw();
    }

    /// The bar goes.
    pub fn wipe(&self) {
        if self.columns.is_some() {
            print::text("\r\x1b[K");
        }
    }

    fn draw(&self) {
        if let Some(columns) = self.columns.filter(|_| self.total > 1 && self.done < self.total) {
            print::text(format_args!("\r{}", bar(self.done, self.total, columns)));
        }
    }
}

/// `[=====     ] 5/10`, a column short of the terminal's width.
fn bar(done: usize, total: usize, columns: usize) -> String {
    let figures = format!(" {done}/{total}");
    let width = columns.saturating_sub(figures.len() + 3).min(WIDEST);
    let full = (width * done).checked_div(total).unwrap_or(width).min(width);
    format!("[{}{}]{figures}", "=".repeat(full), " ".repeat(width - full))
}

#[cfg(test)]
mod tests;
