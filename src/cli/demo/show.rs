//! How the demo looks.

use super::comparison::{Arrival, Comparison, split};
use super::script::Mail;
use crate::cli::colour::Colour;
use crate::mail::printable::misleads;

/// What became of a mail so far: `  cron job          delivered`.
pub(super) fn state(mail: &Mail, text: &str) -> String {
    format!("  {:16}  {text}\n", mail.what)
}

/// How a mail went out, and its addresses on this machine beside those at the provider, in 80 columns where they fit.
pub(super) fn before_and_after(comparison: &Comparison, look: Colour) -> String {
    let Comparison { mail, local, arrival, faults } = comparison;
    let sides = match arrival {
        None => format!("  {}\n", look.bold(mail.what)),
        Some(arrival) => sides(mail, local, arrival, look),
    };
    let faults = faults.iter().map(|fault| format!("    {}\n", look.bad(&format!("! {fault}"))));
    sides + &faults.collect::<String>()
}

fn sides(mail: &Mail, local: &str, arrival: &Arrival, look: Colour) -> String {
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
