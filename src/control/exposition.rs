//! Prometheus' text format (exposition format 0.0.4), and the figures of what `status` found in it. Labels are names of accounts,
//! listeners and clients, never addresses: what is collected is kept for long, and shown around. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::certificate_end::{Ending, Shown};
use super::report::{Level, Report};
use crate::config::mailbox::shown_account;
use crate::spool::account_health::Health;

/// What a family of samples is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// It only grows, and starts again with the runner.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A text in that format, family by family.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// A family, before its samples.
    pub fn family(&mut self, name: &str, metric: Metric, help: &str) {
        let kind = match metric {
            Metric::Counter => "counter",
            Metric::Gauge => "gauge",
        };
        let _ = writeln!(self.0, "# HELP postrider_{name} {help}\n# TYPE postrider_{name} {kind}");
    }

    /// One sample of it.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "postrider_{name}{labels} {value}");
    }

    /// The text.
    #[must_use]
    pub fn text(self) -> String {
        self.0
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

/// A name as a label has it: one that may be an address becomes a short one that stays the same.
#[must_use]
pub fn label(name: &str) -> String {
    let name = shown_account(name);
    if name.contains('@') { format!("name-{:08x}", crc32fast::hash(name.as_bytes())) } else { name.to_owned() }
}

/// Seconds since the epoch.
#[must_use]
pub fn seconds(at: Timestamp) -> i64 {
    at.as_second()
}

/// Whether a text has what [`of_status`] says.
#[must_use]
pub fn has_status(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("postrider_status "))
}

/// What `status` found at this time.
#[must_use]
pub fn of_status(report: &Report, health: &Health, ends: &[Ending<'_>], now: Timestamp) -> String {
    let mut out = Exposition::default();
    out.family("status", Metric::Gauge, "Exit status of postrider status: 0 ok, 1 warning, 2 critical, 3 unknown.");
    out.sample("status", &[], u8::from(report.level));
    out.family("status_timestamp_seconds", Metric::Gauge, "When the status was last found out.");
    out.sample("status_timestamp_seconds", &[], seconds(now));
    out.family("conditions", Metric::Gauge, "What needs attention, by kind.");
    let mut kinds: Vec<String> = Vec::new();
    for reason in report.reasons.iter().filter(|reason| reason.level > Level::Ok) {
        kinds.push(reason.kind.name());
    }
    kinds.sort();
    for same in kinds.chunk_by(|one, next| one == next) {
        out.sample("conditions", &[("kind", &same[0])], same.len());
    }
    out.family("account_outage_start_timestamp_seconds", Metric::Gauge, "Since when an account cannot deliver.");
    for (account, outage) in health {
        let trouble = if outage.trouble.is_owners() { "account" } else { "relay" };
        let labels = [("account", &*label(account)), ("trouble", trouble)];
        out.sample("account_outage_start_timestamp_seconds", &labels, seconds(outage.since));
    }
    if let Some(queue) = &report.queue {
        out.family("messages", Metric::Gauge, "Messages in the spool, by state.");
        let states = [
            ("queued", queue.waiting),
            ("held", queue.held),
            ("failed", queue.failed),
            ("dropped", queue.dropped),
            ("raw", queue.raw),
            ("damaged", queue.damaged),
        ];
        for (state, count) in states {
            out.sample("messages", &[("state", state)], count);
        }
        out.family("late_messages", Metric::Gauge, "Messages that wait longer than warn_after.");
        out.sample("late_messages", &[], queue.late);
    }
    out.family("certificate_end_timestamp_seconds", Metric::Gauge, "When a certificate ends.");
    for end in ends {
        let of = match end.shown {
            Shown::ByListener => "listener",
            Shown::ByAccount => "account",
            Shown::ByRelay => "relay",
        };
        let labels = [("of", of), ("name", &*label(end.name))];
        out.sample("certificate_end_timestamp_seconds", &labels, seconds(end.at));
    }
    out.text()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
