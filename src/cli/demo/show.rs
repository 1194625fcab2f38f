//! How the demo looks; colour only on a terminal and without `NO_COLOR`.

use std::io::IsTerminal;

use super::comparison::{Arrival, Comparison, split};
use super::script::Mail;
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
}

const BOLD: &str = "1";
const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";

impl Look {
    /// Standard output's.
    pub(super) fn of_stdout() -> Self {
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_shown = std::io::stdout().is_terminal() && !is_refused;
        Self { colour: if is_shown { Colour::On } else { Colour::Off } }
    }

    /// A heading.
    pub(super) fn bold(self, text: &str) -> String {
        self.paint(BOLD, text)
    }

    /// What is as it should be.
    pub(super) fn good(self, text: &str) -> String {
        self.paint(GREEN, text)
    }

    /// What is not, or not yet.
    pub(super) fn waiting(self, text: &str) -> String {
        self.paint(YELLOW, text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour {
            Colour::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Colour::Off => text.to_owned(),
        }
    }
}

/// What became of a mail so far: `  cron job          delivered`.
pub(super) fn state(mail: &Mail, text: &str) -> String {
    format!("  {:16}  {text}\n", mail.what)
}

/// How a mail went out, and its addresses on this machine beside those at the provider, in 80 columns where they fit.
pub(super) fn before_and_after(comparison: &Comparison, look: Look) -> String {
    let Comparison { mail, local, arrival, faults } = comparison;
    let sides = match arrival {
        None => format!("  {}\n", look.bold(mail.what)),
        Some(arrival) => sides(mail, local, arrival, look),
    };
    let faults = faults.iter().map(|fault| format!("    {}\n", look.paint(RED, &format!("! {fault}"))));
    sides + &faults.collect::<String>()
}

fn sides(mail: &Mail, local: &str, arrival: &Arrival, look: Look) -> String {
    let Arrival { account, relay, received } = arrival;
    let login = received.client.login.as_ref().map_or("none", |(_, mechanism)| mechanism.name());
    let tls = received.client.tls.as_deref().unwrap_or("no TLS");
    let (before, after) = (mail.text().replace('\n', "\r\n").into_bytes(), &received.content);
    let mut rows = vec![("MAIL", local.to_owned(), received.envelope.sender.to_string())];
    for (given, sent) in mail.given.iter().zip(&received.envelope.recipients) {
        rows.push(("RCPT", (*given).to_owned(), sent.to_string()));
    }
    rows.extend(["From", "To"].map(|name| (name, field(&before, name), field(after, name))));
    let width = rows.iter().map(|(_, left, _)| left.len()).fold(BEFORE.len(), usize::max);
    let line = |label: &str, left: &str, right: &str| format!("  {label:4}  {left:width$}  {right}\n");
    let head = look.bold(&format!("{}: account {account}, {relay}, {tls}, login with {login}", mail.what));
    let lines: String = rows.iter().map(|(label, left, right)| line(label, left, right)).collect();
    format!("  {head}\n{}{lines}", line("", BEFORE, "AS IT LEFT"))
}

/// The heading of what is submitted.
const BEFORE: &str = "ON THIS MACHINE";

/// A header field's value in one line, fit for a terminal; empty if there is none.
fn field(content: &[u8], name: &str) -> String {
    let (header, _) = split(content);
    let text = String::from_utf8_lossy(header).replace("\r\n ", " ").replace("\r\n\t", " ");
    let is_named = |line: &&str| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
    let value = text.lines().find(is_named).and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim());
    value.replace(misleads, "?")
}

#[cfg(test)]
mod tests;
