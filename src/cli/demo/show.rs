//! How the demo looks: a table where it fits, blocks on a narrow terminal; colour only
//! on a terminal and without `NO_COLOR`.

use std::io::IsTerminal;

use super::comparison::{Comparison, split};
use crate::mail::printable::misleads;

/// Whether escape sequences may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    On,
    Off,
}

/// What the output goes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) colour: Colour,
    /// Columns; none: as wide as it must be.
    pub(super) width: Option<usize>,
}

const BOLD: &str = "1";
const GREEN: &str = "32";
const RED: &str = "31";

impl Look {
    /// Standard output's.
    pub(super) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        if !stdout.is_terminal() {
            return Self { colour: Colour::Off, width: None };
        }
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let size = rustix::termios::tcgetwinsize(&stdout).ok();
        let width = size.map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0);
        Self { colour: if no_colour { Colour::Off } else { Colour::On }, width }
    }

    /// A heading.
    pub(super) fn bold(self, text: &str) -> String {
        self.paint(BOLD, text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour {
            Colour::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Colour::Off => text.to_owned(),
        }
    }
}

const COLUMNS: [&str; 8] = ["MAIL", "LOCAL SENDER", "SENT AS", "ACCOUNT", "RELAY", "TLS", "AUTH", "RESULT"];

type Row = [String; COLUMNS.len()];

/// The table, a line or block for each mail, with what is wrong below it.
pub(super) fn table(comparisons: &[Comparison], look: Look) -> String {
    // Escape sequences take no room on the screen: widths are those of the plain text.
    let rows: Vec<Row> =
        comparisons.iter().map(|comparison| row(comparison, Look { colour: Colour::Off, ..look })).collect();
    let widths: Vec<usize> =
        (0..COLUMNS.len()).map(|at| rows.iter().map(|row| row[at].len()).fold(COLUMNS[at].len(), usize::max)).collect();
    // Two blanks before each column.
    let needed: usize = widths.iter().map(|width| width + 2).sum();
    let narrow = look.width.is_some_and(|columns| columns < needed);
    let mut lines = Vec::new();
    if !narrow {
        let head = COLUMNS.map(str::to_owned);
        lines.push(look.bold(&line(&head, &widths)));
    }
    for comparison in comparisons {
        let row = row(comparison, look);
        lines.push(if narrow { block(&row, look) } else { line(&row, &widths) });
        lines.extend(comparison.faults.iter().map(|fault| format!("    {}", look.paint(RED, &format!("! {fault}")))));
    }
    lines.join("\n") + "\n"
}

fn row(comparison: &Comparison, look: Look) -> Row {
    let result = if comparison.faults.is_empty() { look.paint(GREEN, "delivered") } else { look.paint(RED, "WRONG") };
    let [sent_as, account, relay, tls, auth] = match &comparison.arrival {
        None => ["-"; 5].map(str::to_owned),
        Some(arrival) => {
            let (client, envelope) = (&arrival.received.client, &arrival.received.envelope);
            let auth = client.login.as_ref().map_or("none", |(_, mechanism)| mechanism.name());
            let tls = client.tls.as_deref().unwrap_or("none");
            [&envelope.sender.to_string(), arrival.account, &arrival.relay, tls, auth].map(str::to_owned)
        }
    };
    [comparison.what.to_owned(), comparison.local.clone(), sent_as, account, relay, tls, auth, result]
}

/// Columns two blanks apart, the last as wide as it is.
fn line(row: &Row, widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("  {cell:width$}"));
    cells.collect::<String>().trim_end().to_owned()
}

fn block(row: &Row, look: Look) -> String {
    let cells = COLUMNS.iter().zip(row).skip(1);
    let lines = cells.map(|(name, cell)| format!("\n    {:12}  {cell}", name.to_lowercase()));
    format!("  {}{}", look.bold(&row[0]), lines.collect::<String>())
}

/// The header of what arrived, indented, fit for a terminal.
pub(super) fn header(content: &[u8]) -> String {
    let (header, _) = split(content);
    let text = String::from_utf8_lossy(header);
    let fit = |line: &str| line.replace(|c| misleads(c) && c != '\t', "?");
    let lines: Vec<String> = text.lines().map(|line| format!("  {}", fit(line))).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests;
