//! A report as text, for the terminal and for mail.

use std::fmt::Write as _;
use std::time::Duration;

use super::day;
use super::summary::{Delay, Figures, Summary};
use crate::config::units::in_words;
use crate::mail::printable::printable;

/// The whole report.
pub(super) fn of(summary: &Summary) -> String {
    let mut out = String::new();
    let Summary { host, total, .. } = summary;
    let _ = writeln!(out, "Mail of {host} from {} to {}\n", day(summary.since), day(summary.until));
    let _ = writeln!(out, "  {}", figures(total));
    if let Some(delay) = summary.delay {
        let _ = writeln!(out, "  {}", delays(delay));
    }
    table(&mut out, "Per day", summary.days.iter().map(|one| (one.day.to_string(), figures(&one.figures))));
    let of_account = |one: &super::summary::Account| {
        let delay = one.delay.map(|delay| format!("; {}", delays(delay))).unwrap_or_default();
        (one.name.clone(), figures(&one.figures) + &delay)
    };
    table(&mut out, "Per account", summary.accounts.iter().map(of_account));
    let senders = summary.senders.iter().map(|one| (one.sender.clone(), figures(&one.figures)));
    table(&mut out, "Senders with most mail", senders);
    let bounces = summary.bounces.iter().map(|one| {
        let codes = one.codes.join(", ");
        (format!("{} {}", one.recipients, one.cause), format!("{}  [{codes}]", one.cure))
    });
    table(&mut out, "Why mail was returned", bounces);
    let quiet = summary.quiet.iter().map(|one| {
        (one.sender.clone(), format!("{} in the days before, the last on {}", counted(one.before), day(one.last)))
    });
    table(&mut out, "Gone silent", quiet);
    out
}

fn table(out: &mut String, title: &str, rows: impl Iterator<Item = (String, String)>) {
    let rows: Vec<(String, String)> = rows.map(|(name, value)| (printable(&name), value)).collect();
    if rows.is_empty() {
        return;
    }
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default().min(44);
    let _ = writeln!(out, "\n{title}");
    for (name, value) in rows {
        let _ = writeln!(out, "  {name:<width$}  {value}");
    }
}

fn counted(messages: usize) -> String {
    if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") }
}

/// As people read them.
pub(super) fn figures(figures: &Figures) -> String {
    let Figures { messages, delivered, returned, other, octets } = figures;
    let mut text = format!("{} ({}): {delivered} delivered", counted(*messages), size(*octets));
    if *returned > 0 {
        let _ = write!(text, ", {returned} returned");
    }
    if *other > 0 {
        let _ = write!(text, ", {other} deleted or unconfirmed");
    }
    text
}

/// As people read it.
pub(super) fn delays(delay: Delay) -> String {
    let words = |seconds: u32| in_words(Duration::from_secs(seconds.into()));
    format!("delay {} (median), {} (worst)", words(delay.median), words(delay.worst))
}

fn size(octets: u64) -> String {
    match octets {
        0..10_000 => format!("{octets} B"),
        10_000..10_000_000 => format!("{} KB", octets / 1000),
        _ => format!("{} MB", octets / 1_000_000),
    }
}
