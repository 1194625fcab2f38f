//! `postrider status`: one line and an exit code for monitoring, as Nagios plug-ins have
//! them: is mail flowing, and if not, why.

use std::io::Write;
use std::time::Duration;

use super::exit::{Exit, Failure};
use crate::config::{Config, TableSet};
use crate::deliver::plan::{self, NoPlan};
use crate::runner::clock::Clock;
use crate::spool::health::{self, Trouble};
use crate::spool::journal::Journal;
use crate::spool::lock::{RunnerLock, TryLock};
use crate::spool::{Envelope, MessageId, Spool, SpoolError};

/// What was found.
#[derive(Debug, Default)]
struct Found {
    waiting: usize,
    held: usize,
    late: usize,
    damaged: usize,
    homeless: usize,
    oldest: Duration,
    failed: usize,
    runner: bool,
    troubles: Vec<String>,
    stuck: bool,
}

/// Prints the line. Its exit codes are its own: 0 flowing, 1 late, 2 somebody is needed, 3 cannot tell.
#[must_use]
pub fn run(config: Result<Config, Failure>) -> Exit {
    let found = config.and_then(|config| {
        let spool = Spool::find(&config.spool)?;
        let found = spool.map_or(Ok(Found::default()), |spool| look(&config, &spool));
        Ok((config.queue.warn_after, found?))
    });
    match found {
        Ok((warn_after, found)) => {
            let (exit, word) = found.verdict();
            say(&format!("POSTRIDER {word}: {} | {}", found.words(), found.perfdata(warn_after)));
            exit
        }
        Err(failure) => {
            say(&format!("POSTRIDER UNKNOWN: {}", failure.message.lines().next().unwrap_or_default()));
            Exit::CannotTell
        }
    }
}

fn look(config: &Config, spool: &Spool) -> Result<Found, SpoolError> {
    let clock = Clock::start(spool);
    let mut found = Found { failed: spool.failed()?.len(), ..Found::default() };
    // A glance at the lock, given back at once.
    found.runner = matches!(RunnerLock::try_take(spool), Ok(TryLock::Held(_)));
    for (account, sick) in health::read(spool) {
        found.stuck |= sick.trouble != Trouble::Relay;
        found.troubles.push(format!("account {account}: {}", sick.reason));
    }
    let generic = TableSet::load("generic", &config.generic);
    for id in spool.ids()? {
        match state(spool, &id) {
            Ok((_, true)) => found.held += 1,
            Ok((envelope, false)) => {
                let age = clock.age(envelope.arrived);
                found.waiting += 1;
                found.homeless += usize::from(is_homeless(config, &generic, &envelope));
                found.late += usize::from(age >= config.queue.warn_after);
                found.oldest = found.oldest.max(age);
            }
            Err(SpoolError::Gone(_)) => {}
            Err(_) => found.damaged += 1,
        }
    }
    Ok(found)
}

/// Whether no account serves the sender; where one serves all, nobody need ask.
fn is_homeless(config: &Config, generic: &TableSet, envelope: &Envelope) -> bool {
    config.default_account.is_none() && matches!(plan::account_name(config, generic, envelope), Err(NoPlan::Account(_)))
}

/// Its envelope, and whether it is held.
fn state(spool: &Spool, id: &MessageId) -> Result<(Envelope, bool), SpoolError> {
    let envelope = spool.open_message(id)?.envelope;
    let state = Journal::peek(spool, id, envelope.recipients.len())?;
    Ok((envelope, state.held))
}

impl Found {
    fn verdict(&self) -> (Exit, &'static str) {
        if self.stuck || self.failed > 0 || self.damaged > 0 || self.homeless > 0 {
            (Exit::Critical, "CRITICAL")
        } else if self.late > 0 {
            (Exit::Warnings, "WARNING")
        } else {
            (Exit::Ok, "OK")
        }
    }

    fn words(&self) -> String {
        let mut words = vec![match self.waiting {
            0 => "nothing waits".to_owned(),
            1 => "1 message waits".to_owned(),
            more => format!("{more} messages wait"),
        }];
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                words.push(format!("{count} {what}"));
            }
        };
        add(self.late, "later than warn_after (`mailq` says why)");
        add(self.homeless, "whose sender no account serves (`postrider check` says what to set)");
        add(self.held, "held");
        add(self.damaged, "unreadable");
        add(self.failed, "in failed/ (`postrider queue list --failed` says why)");
        words.extend(self.troubles.iter().cloned());
        if !self.runner && self.waiting > 0 {
            words.push("no runner is at work: `postrider flush` sends now, `postrider run` stays".to_owned());
        }
        words.join(", ")
    }

    fn perfdata(&self, warn_after: Duration) -> String {
        format!(
            "queued={};;;0 held={};;;0 failed={};;0;0 oldest={}s;{};;0",
            self.waiting,
            self.held,
            self.failed,
            self.oldest.as_secs(),
            warn_after.as_secs()
        )
    }
}

fn say(line: &str) {
    // The bar divides words from figures.
    let (words, figures) = line.rsplit_once(" | ").unwrap_or((line, ""));
    let clean: String = words.chars().map(|c| if c.is_control() || c == '|' { '?' } else { c }).collect();
    let bar = if figures.is_empty() { "" } else { " | " };
    // Whoever does not read it has the exit code.
    let _ = writeln!(std::io::stdout(), "{clean}{bar}{figures}");
}
