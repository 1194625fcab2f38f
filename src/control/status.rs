//! Is mail flowing, and if not, why: what `postrider status` prints, and what a `status` request
//! on the socket returns. Counts and reasons, no addresses.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::loaded::Unreadable;
use crate::config::places::SYSTEM_SPOOL;
use crate::config::{Config, Limits, Queue, TableSet};
use crate::deliver::plan::{self, NoPlan};
use crate::spool::account_health::{self, Outage};
use crate::spool::clock::Clock;
use crate::spool::dropped::Place;
use crate::spool::journal::Journal;
use crate::spool::listener_health;
use crate::spool::state::State;
use crate::spool::{Envelope, MessageId, Spool, SpoolError, lock};

/// When mail is late while no configuration can be read.
const WARN_AFTER: Duration = Duration::from_hours(4);

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    waiting: usize,
    held: usize,
    late: usize,
    damaged: usize,
    homeless: usize,
    dropped: usize,
    raw: usize,
    oldest: Duration,
    failed: usize,
    runner: bool,
    /// Whether it is the machine's queue, which always has a runner.
    #[serde(default)]
    machine: bool,
    /// Megabytes free on the disk, and how many must stay free, where mail is refused for want of room.
    #[serde(default)]
    full: Option<(u64, u64)>,
    troubles: Vec<String>,
    /// Messages that the provider rejects for a reason to fix or wait out.
    #[serde(default)]
    refused: usize,
    /// Messages to local users for whom no address is known.
    #[serde(default)]
    unmapped: usize,
    /// What would fix that.
    #[serde(default)]
    cures: BTreeSet<String>,
    /// What is wrong with listeners.
    #[serde(default)]
    listeners: Vec<String>,
    stuck: bool,
    warn_after: Duration,
    /// Why nothing is sent, and what comes in is only kept.
    #[serde(default)]
    unreadable: Option<Unreadable>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Mail flows.
    Flowing,
    /// Some mail is late, but may still leave without help.
    Late,
    /// Something needs a person.
    Stuck,
}

impl QueueStatus {
    /// Looks at the spool, with the configuration if it can be read.
    pub fn look(config: Option<&Config>, spool: Option<&Spool>) -> Result<Self, SpoolError> {
        let warn_after = config.map_or(WARN_AFTER, |config| config.queue.warn_after);
        let Some(spool) = spool else { return Ok(Self { warn_after, ..Self::default() }) };
        let machine = is_the_machines(spool);
        let clock = Clock::start(spool);
        let full = no_room(config, spool)?;
        let mut found = Self { failed: spool.failed()?.len(), warn_after, machine, full, ..Self::default() };
        // The lock is taken for a moment only.
        found.runner = lock::is_held(spool).unwrap_or(false);
        if found.runner {
            for (listener, wrong) in listener_health::read(spool) {
                found.listeners.extend(wrong.into_iter().map(|why| format!("listener {listener} {why}")));
            }
        }
        for (account, sick) in account_health::read(spool) {
            found.stuck |= sick.trouble.is_owners();
            found.troubles.push(trouble_words(&account, &sick));
        }
        found.dropped = spool.waiting_names(Place::Drop)?.len();
        found.raw = spool.waiting_names(Place::Raw)?.len();
        let served = config.map(|config| (config, TableSet::load("generic", &config.generic)));
        for id in spool.ids()? {
            match state(spool, &id) {
                Ok((_, state)) if state.held => found.held += 1,
                Ok((envelope, state)) => {
                    let age = clock.age(envelope.arrived);
                    found.waiting += 1;
                    found.note_cures(&state);
                    let is_homeless =
                        served.as_ref().is_some_and(|(config, generic)| is_homeless(config, generic, &envelope));
                    found.homeless += usize::from(is_homeless);
                    found.late += usize::from(age >= warn_after);
                    found.oldest = found.oldest.max(age);
                }
                Err(SpoolError::Gone(_)) => {}
                Err(_) => found.damaged += 1,
            }
        }
        Ok(found)
    }

    /// Of the machine's queue, which nobody but its runner can read, while that does not run.
    #[must_use]
    pub fn without_runner() -> Self {
        Self { machine: true, warn_after: WARN_AFTER, ..Self::default() }
    }

    /// The same, with what is wrong with the configuration.
    #[must_use]
    pub fn without_config(self, unreadable: Option<Unreadable>) -> Self {
        Self { unreadable, ..self }
    }

    /// What anybody may know: servers quote addresses in their reasons.
    #[must_use]
    pub fn without_reasons(mut self) -> Self {
        for trouble in &mut self.troubles {
            let account = trouble.split(':').next().unwrap_or_default();
            *trouble = format!("{account} is in trouble");
        }
        self.cures.clear();
        if let Some(unreadable) = &mut self.unreadable {
            unreadable.reason = None;
        }
        self
    }

    fn note_cures(&mut self, state: &State) {
        let outcomes = state.recipients.iter().filter(|recipient| recipient.is_pending());
        let outcomes = outcomes.filter_map(|recipient| recipient.outcome.as_ref());
        let held: Vec<_> = outcomes.filter(|outcome| outcome.cure.is_some()).collect();
        self.refused += usize::from(held.iter().any(|outcome| outcome.code.is_some()));
        self.unmapped += usize::from(held.iter().any(|outcome| outcome.code.is_none()));
        self.cures.extend(held.into_iter().filter_map(|outcome| outcome.cure.clone()));
    }

    /// How bad that is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let is_stopped = self.machine && !self.runner;
        // What is kept raw waits until somebody fixes the configuration or a table.
        let waiting_for_somebody = self.raw + self.damaged + self.homeless + self.refused + self.unmapped;
        if self.stuck
            || is_stopped
            || self.full.is_some()
            || self.unreadable.is_some()
            || waiting_for_somebody > 0
            || !self.listeners.is_empty()
        {
            Verdict::Stuck
        } else if self.late + self.failed > 0 {
            // Any user can have a message set aside, so that alone does not call anybody at night.
            Verdict::Late
        } else {
            Verdict::Flowing
        }
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words: Vec<String> = self.unreadable.iter().map(unreadable_words).collect();
        words.extend(self.full.map(|(free, least)| {
            format!("disk almost full, so mail is refused: {free} MB free, {least} MB must stay free")
        }));
        match self.waiting {
            0 if self.dropped + self.raw > 0 || (self.machine && !self.runner) => {}
            0 => words.push("the queue is empty".to_owned()),
            1 => words.push("1 message queued".to_owned()),
            more => words.push(format!("{more} messages queued")),
        }
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                let messages = if count == 1 { "message" } else { "messages" };
                words.push(format!("{count} {messages} {what}"));
            }
        };
        add(self.late, "waiting longer than warn_after (see `mailq`)");
        add(self.homeless, "without an account for the sender (see `postrider check`)");
        add(self.refused, "rejected by the provider for a reason to fix or wait out (see `mailq`)");
        add(self.unmapped, "to a local user for whom no address is known");
        let stopped = if self.runner { "" } else { " (service not running)" };
        add(self.dropped, &format!("submitted but not yet picked up{stopped}"));
        add(self.raw, "accepted while the configuration or a table could not be read");
        add(self.held, "held");
        add(self.damaged, "unreadable");
        add(self.failed, "in failed/ (see `postrider queue list --failed`)");
        words.extend(self.listeners.iter().chain(&self.troubles).chain(&self.cures).cloned());
        if !self.runner && (self.machine || self.waiting + self.dropped + self.raw > 0) {
            let what_to_do = match self.unreadable {
                None if self.machine => "; submitted mail waits (as root, run \"systemctl enable --now postrider\")",
                None => " (`postrider flush` sends now, `postrider run` keeps running)",
                Some(_) => "",
            };
            words.push(format!("the postrider service is not running{what_to_do}"));
        }
        words.join(", ")
    }

    /// As monitoring plug-ins write it.
    #[must_use]
    pub fn perfdata(&self) -> String {
        format!(
            "queued={};;;0 held={};;;0 failed={};0;;0 oldest={}s;{};;0",
            self.waiting,
            self.held,
            self.failed,
            self.oldest.as_secs(),
            self.warn_after.as_secs()
        )
    }
}

fn trouble_words(account: &str, outage: &Outage) -> String {
    let reason = &outage.reason;
    match outage.resumes {
        Some(resumes) => {
            let at = resumes.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M");
            format!("account {account}: {reason} (the provider names {at} as the end; trying once an hour until then)")
        }
        None => format!("account {account}: {reason}"),
    }
}

fn unreadable_words(unreadable: &Unreadable) -> String {
    let what = unreadable.reason.as_ref().unwrap_or(&unreadable.place);
    format!("cannot read the configuration: {what} (see `postrider check`; mail is accepted and waits)")
}

fn is_the_machines(spool: &Spool) -> bool {
    spool.dir() == Path::new(SYSTEM_SPOOL)
}

/// Megabytes free and wanted, where mail of users is refused for want of room.
fn no_room(config: Option<&Config>, spool: &Spool) -> Result<Option<(u64, u64)>, SpoolError> {
    const MEGABYTE: u64 = 1_000_000;
    let space = spool.space()?;
    let limits = config.map_or_else(Limits::default, |config| config.limits);
    let reserve = if is_the_machines(spool) { limits.root_reserve.of(space.whole) } else { 0 };
    let least = config.map_or(Queue::MIN_FREE_SPACE, |config| config.queue.min_free_space).saturating_add(reserve);
    Ok((space.free < least).then(|| (space.free / MEGABYTE, least.div_ceil(MEGABYTE))))
}

/// Whether no account serves the sender. A default account serves every sender.
fn is_homeless(config: &Config, generic: &TableSet, envelope: &Envelope) -> bool {
    config.default_account.is_none() && matches!(plan::account_name(config, generic, envelope), Err(NoPlan::Account(_)))
}

/// The envelope and the state of one message.
fn state(spool: &Spool, id: &MessageId) -> Result<(Envelope, State), SpoolError> {
    let envelope = spool.open_message(id)?.envelope;
    let state = Journal::peek(spool, id, envelope.recipients.len())?;
    Ok((envelope, state))
}
