//! From what `status` found to the conditions that people are told of, in our own words: a report quotes addresses and what servers
//! say, and an alarm leaves this machine. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::mailbox::shown_account;
use crate::config::{Account, Config};
use crate::control::clock_health;
use crate::control::report::{Kind, Level, Reason, Report};
use crate::spool::account_health::{Health, Outage, Trouble};
use crate::spool::alarm_state::Condition;

/// The conditions of this report, each once. A relay that cannot be reached is one after a while.
#[must_use]
pub fn all(config: &Config, report: &Report, health: &Health, now: Timestamp) -> Vec<Condition> {
    let mut all: Vec<(Reason, Condition)> = Vec::new();
    for reason in &report.reasons {
        let lasted = reason.since.and_then(|since| Duration::try_from(now.duration_since(since)).ok());
        let is_worth_it = match reason.kind {
            // A delivery may have ended it since the report was made.
            Kind::Account | Kind::Relay if reason.since.is_some() && outage_of(reason, health).is_none() => false,
            Kind::Relay => lasted.is_some_and(|lasted| lasted >= config.alarm.after),
            _ => reason.level > Level::Ok,
        };
        if is_worth_it {
            add(&mut all, reason, |reason| condition(config, reason, health, now));
        }
    }
    all.into_iter().map(|(_, condition)| condition).collect()
}

/// One that is not there, for a test.
#[must_use]
pub fn test(now: Timestamp) -> Condition {
    let text = "this is a test; alarms of this machine arrive here".to_owned();
    Condition {
        kind: "test".to_owned(),
        account: None,
        subject: None,
        count: None,
        since: now,
        text,
        cure: "no action needed".to_owned(),
    }
}

/// When the next relay has been out of reach for long enough.
#[must_use]
pub fn next(config: &Config, health: &Health, now: Timestamp) -> Option<Duration> {
    let after = SignedDuration::try_from(config.alarm.after).unwrap_or(SignedDuration::MAX);
    let left = |since: Timestamp| after.saturating_sub(now.duration_since(since));
    let relays = health.values().filter(|outage| outage.trouble == Trouble::Relay);
    relays.filter_map(|outage| Duration::try_from(left(outage.since)).ok()).filter(|left| !left.is_zero()).min()
}

/// Several reasons that differ only in what an alarm does not tell are one condition, with the messages of all of them.
fn add(all: &mut Vec<(Reason, Condition)>, reason: &Reason, condition: impl Fn(&Reason) -> Condition) {
    let new = condition(reason);
    let Some((merged, known)) = all.iter_mut().find(|(_, known)| known.key() == new.key()) else {
        return all.push((reason.clone(), new));
    };
    merged.count = match (merged.count, reason.count) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    let since = known.since.min(new.since);
    *known = Condition { since, ..condition(merged) };
}

fn condition(config: &Config, reason: &Reason, health: &Health, now: Timestamp) -> Condition {
    let is_of_account = matches!(reason.kind, Kind::Account | Kind::Relay | Kind::Password);
    let account = reason.subject.clone().filter(|_| is_of_account);
    let (text, cure) = in_our_words(config, reason, health);
    let (text, cure) =
        if config.alarm.detail { (reason.text.clone(), reason.cure.clone().unwrap_or(cure)) } else { (text, cure) };
    let subject = match reason.kind {
        // An editor saves a half-written configuration again and again: that is one outage, whatever place is named.
        Kind::Config => None,
        // An account has several certificates, and its password can end in several ways: the end of one alarm hides no other.
        Kind::Tls | Kind::Password => Some(reason.text.clone()),
        _ => reason.subject.clone(),
    };
    let kind = reason.kind.name();
    Condition { kind, account, subject, count: reason.count, since: reason.since.unwrap_or(now), text, cure }
}

/// Cause and way out without addresses, subjects, or what a server said.
fn in_our_words(config: &Config, reason: &Reason, health: &Health) -> (String, String) {
    let subject = reason.subject.as_deref().unwrap_or_default();
    let messages = match reason.count {
        Some(1) => "1 message".to_owned(),
        Some(count) => format!("{count} messages"),
        None => "mail".to_owned(),
    };
    let is_one = reason.count.is_none_or(|count| count == 1);
    let (wait, be) = if is_one { ("waits", "is") } else { ("wait", "are") };
    let (text, cure) = match reason.kind {
        Kind::Unknown => ("the state of the mail cannot be found out".to_owned(), "run `postrider status` as root"),
        Kind::Config => ("the configuration cannot be read".to_owned(), "`postrider check` names the line"),
        Kind::Table if reason.count.is_some() => {
            let text = format!("{messages} came in while the configuration or a table could not be read");
            (text, "`postrider check` says what is wrong")
        }
        Kind::Table => ("a lookup table cannot be read".to_owned(), "`postrider check` names it"),
        // All of these texts are our own, and name what the owner has configured or built.
        Kind::Runner | Kind::Password | Kind::Tls | Kind::NoAccount => {
            return (reason.text.clone(), reason.cure.clone().unwrap_or_else(|| "see `postrider check`".to_owned()));
        }
        Kind::Space => {
            ("the disk is almost full, so mail is refused".to_owned(), "free some space, or see `min_free_space`")
        }
        Kind::Limit => {
            ("the mail of a user will soon be refused for a limit".to_owned(), "`postrider status` names the user")
        }
        Kind::Listener if subject.is_empty() => {
            ("a listener needs attention".to_owned(), "`postrider status` says what to do")
        }
        Kind::Listener => (format!("listener {subject} needs attention"), "`postrider status` says what to do"),
        Kind::Account | Kind::Relay => return of_account(config, subject, outage_of(reason, health)),
        Kind::Unserved => (
            format!("{messages} {wait} because no account serves the sender"),
            "`postrider check` shows the entry to add",
        ),
        Kind::Rejected => (format!("{messages} {be} rejected by the provider"), "`postrider status` says what to do"),
        Kind::Unmapped => (
            format!("{messages} {wait} for a local user without an address"),
            "`postrider status` shows the entry to add",
        ),
        Kind::Held => {
            (format!("{messages} {be} held until somebody decides"), "see `mailq`, then release or delete it")
        }
        Kind::Late => (format!("{messages} {wait} for longer than `warn_after`"), "`mailq` says why"),
        Kind::Failed => (format!("{messages} {be} in failed/"), "see `postrider queue list --failed`"),
        Kind::Damaged => (format!("{messages} cannot be read"), "the log says why"),
        Kind::Spool => ("a part of the queue cannot be used".to_owned(), "`postrider status` names it"),
        Kind::Clock => ("the clock of this machine is wrong".to_owned(), clock_health::REMEDY),
        Kind::Alarm => ("an alarm cannot be sent".to_owned(), "see `postrider check`"),
        Kind::Silence => ("an expected sender has been silent for too long".to_owned(), "`postrider status` names it"),
        Kind::Refused
        | Kind::Rewriting
        | Kind::Permissions
        | Kind::Installation
        | Kind::Sendmail
        | Kind::Alias
        | Kind::Cron => (format!("a problem with {}", reason.kind.name()), "see `postrider check`"),
    };
    (text, cure.to_owned())
}

/// What deliveries met with the account that the reason is about.
fn outage_of<'a>(reason: &Reason, health: &'a Health) -> Option<&'a Outage> {
    let name = reason.subject.as_deref()?;
    health.iter().find(|(account, _)| *account == name || shown_account(account) == name).map(|(_, outage)| outage)
}

fn of_account(config: &Config, name: &str, trouble: Option<&Outage>) -> (String, String) {
    let is_oauth = |account: &Account| account.oauth.is_some();
    match trouble.map(|outage| outage.trouble) {
        Some(Trouble::Relay) => {
            let cure = format!("it is retried automatically; `postrider test {name}` shows where it fails");
            (format!("account {name} cannot reach its provider"), cure)
        }
        Some(Trouble::Login) if config.account(name).is_some_and(is_oauth) => {
            // Another login mends neither a client that is refused nor a wrong scope.
            let is_cure = trouble.is_some_and(|outage| outage.reason.contains(&format!("postrider login {name}")));
            let cure = if is_cure {
                format!("run `postrider login {name}`")
            } else {
                "`postrider status` says why".to_owned()
            };
            (format!("the provider rejects the login of account {name}"), cure)
        }
        Some(Trouble::Login) => {
            let cure = format!("run `postrider password set {name}`, then `postrider flush`");
            (format!("the provider rejects the login of account {name}"), cure)
        }
        Some(Trouble::Setup) | None => {
            (format!("account {name} needs attention"), "`postrider status` says why".to_owned())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
