//! What a report says: the counts in the order in which people read them, with the cause of each bounce and what to do about it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::tally::{Counts, Delays, Tally};
use crate::control::exposition::label;

/// So many senders are listed.
const MOST_LISTED: usize = 10;
/// Who wrote so often in the days before, and does not now, is listed as quiet.
const USED_TO_WRITE: usize = 3;

/// How senders are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// As they are.
    Whole,
    /// So that nobody learns an address.
    Short,
}

impl Names {
    fn of(self, sender: &str) -> String {
        match (self, sender) {
            (_, "") => "<>".to_owned(),
            (Self::Whole, sender) => sender.to_owned(),
            // Also one without an @, which may be somebody's login.
            (Self::Short, sender) => label(&format!("{sender}@")),
        }
    }
}

/// Counts as they are shown.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Figures {
    pub(super) messages: usize,
    pub(super) delivered: usize,
    pub(super) returned: usize,
    pub(super) other: usize,
    pub(super) octets: u64,
}

impl From<Counts> for Figures {
    fn from(counts: Counts) -> Self {
        let Counts { messages, delivered, returned, other, octets } = counts;
        Self { messages, delivered, returned, other, octets }
    }
}

/// Of a day.
#[derive(Debug, Serialize)]
pub(super) struct Day {
    pub(super) day: Date,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// Of a sender.
#[derive(Debug, Serialize)]
pub(super) struct Sender {
    pub(super) sender: String,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// Seconds from arrival to the end.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Delay {
    pub(super) median: u32,
    pub(super) worst: u32,
}

/// Of an account.
#[derive(Debug, Serialize)]
pub(super) struct Account {
    #[serde(rename = "account")]
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) figures: Figures,
    pub(super) delay: Option<Delay>,
}

/// Bounces of one cause.
#[derive(Debug, Serialize)]
pub(super) struct Bounces {
    pub(super) cause: &'static str,
    pub(super) cure: &'static str,
    pub(super) codes: Vec<String>,
    pub(super) recipients: usize,
}

/// A sender that used to write.
#[derive(Debug, Serialize)]
pub(super) struct Quiet {
    pub(super) sender: String,
    pub(super) before: usize,
    pub(super) last: Timestamp,
}

/// The whole report.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) host: String,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    pub(super) total: Figures,
    pub(super) delay: Option<Delay>,
    pub(super) days: Vec<Day>,
    pub(super) accounts: Vec<Account>,
    pub(super) senders: Vec<Sender>,
    pub(super) bounces: Vec<Bounces>,
    pub(super) quiet: Vec<Quiet>,
}

impl Summary {
    /// Of what was counted.
    pub(super) fn of(tally: Tally, host: String, names: Names) -> Self {
        let Tally { since, until, total, delays, days, senders, before, accounts, returned, .. } = tally;
        let mut quiet: Vec<Quiet> = before
            .iter()
            .filter(|(sender, before)| {
                before.messages >= USED_TO_WRITE && !senders.contains_key(*sender) && !sender.is_empty()
            })
            .map(|(sender, one)| Quiet { sender: names.of(sender), before: one.messages, last: one.last })
            .collect();
        quiet.sort_by(|one, other| other.before.cmp(&one.before).then_with(|| one.sender.cmp(&other.sender)));
        quiet.truncate(MOST_LISTED);
        let mut senders: Vec<Sender> = senders
            .into_iter()
            .map(|(sender, counts)| Sender { sender: names.of(&sender), figures: counts.into() })
            .collect();
        senders.sort_by(|one, other| {
            other.figures.messages.cmp(&one.figures.messages).then_with(|| one.sender.cmp(&other.sender))
        });
        senders.truncate(MOST_LISTED);
        let accounts = accounts.into_iter().map(|(account, (counts, delays))| Account {
            name: if account.is_empty() { "none".to_owned() } else { label(&account) },
            figures: counts.into(),
            delay: delay(delays),
        });
        Self {
            host,
            since,
            until,
            total: total.into(),
            delay: delay(delays),
            days: days.into_iter().map(|(day, counts)| Day { day, figures: counts.into() }).collect(),
            accounts: accounts.collect(),
            senders,
            bounces: bounces(returned.into_iter().collect()),
            quiet,
        }
    }
}

fn delay(delays: Delays) -> Option<Delay> {
    delays.median_and_worst().map(|(median, worst)| Delay { median, worst })
}

/// By cause, the most frequent first.
fn bounces(returned: Vec<(String, usize)>) -> Vec<Bounces> {
    let mut bounces: Vec<Bounces> = Vec::new();
    for (code, recipients) in returned {
        let (cause, cure) = cause(&code);
        match bounces.iter_mut().find(|known| known.cause == cause) {
            Some(known) => {
                known.recipients += recipients;
                known.codes.push(code);
            }
            None => bounces.push(Bounces { cause, cure, codes: vec![code], recipients }),
        }
    }
    bounces.sort_by_key(|bounces| std::cmp::Reverse(bounces.recipients));
    bounces
}

/// What an enhanced status code (RFC 3463) means for the sender.
fn cause(code: &str) -> (&'static str, &'static str) {
    let behind = code.split_once('.').map_or("", |(_, behind)| behind);
    match behind {
        "1.1" | "1.2" | "1.3" | "1.6" | "1.10" => {
            ("there is no such address", "correct the address, or remove it from the mailing list")
        }
        "1.7" | "1.8" => ("the sender's address was refused", "see `generic` in postrider.toml(5)"),
        "2.1" => ("the mailbox is disabled", "contact the recipient another way"),
        "2.2" => ("the mailbox is full", "contact the recipient another way, and send it again later"),
        "2.3" | "3.4" => ("the message is too large", "send less, or a link"),
        _ if behind.starts_with("4.") => {
            ("the recipient's server could not be reached", "see whether the domain is right, and send it again later")
        }
        _ if behind.starts_with("6.") => ("the content was refused", "see `postrider history --failed`"),
        _ if behind.starts_with("7.") => {
            ("it was refused by policy", "see the reply in `postrider history --failed`, and postrider-trouble(7)")
        }
        _ => ("other causes", "see the replies in `postrider history --failed`"),
    }
}
