//! What the runner counts since it started, and the queue as it is now, in the form of `postrider metrics`. The event loop knows all
//! of it, so a queue of any length is described without reading a file of it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::scheduler::{AccountFigures, Scheduler};
use crate::control::exposition::{Exposition, Metric, label};
use crate::mail::submitter::Submitter;
use crate::runner::event::AttemptOutcome;
use crate::runner::result::AttemptResult;

/// The file is written at most this often, and only when something has changed: an idle machine is not woken for it.
const EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Uids below belong to the system (`login.defs`(5), `UID_MIN`).
const FIRST_USER: u32 = 1000;

/// A message's attempt, by what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Delivered,
    Deferred,
    Refused,
    AccountFailed,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
            Self::AccountFailed => "account_failed",
        }
    }

    /// The worst that happened to one of its recipients that still matters.
    fn of(result: &AttemptResult) -> Self {
        match result {
            AttemptResult { waiting: 1.., .. } => Self::Deferred,
            AttemptResult { refused: 1.., .. } => Self::Refused,
            _ => Self::Delivered,
        }
    }
}

/// The counters.
#[derive(Debug)]
pub(super) struct Counters {
    attempts: BTreeMap<(String, Class), u64>,
    sessions: BTreeMap<String, u64>,
    intake: BTreeMap<(&'static str, String), u64>,
    flushes: u64,
    started: Timestamp,
    /// What `status` found when the alarm thread last looked, as it is printed.
    status: String,
    /// Whether the file is older than what is counted.
    is_stale: bool,
    written: Option<Timestamp>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            attempts: BTreeMap::new(),
            sessions: BTreeMap::new(),
            intake: BTreeMap::new(),
            flushes: 0,
            started: Timestamp::now(),
            status: String::new(),
            is_stale: true,
            written: None,
        }
    }
}

impl Counters {
    /// A session was opened.
    pub(super) fn session_started(&mut self, account: &str) {
        *self.sessions.entry(label(account)).or_default() += 1;
        self.is_stale = true;
    }

    /// A flush was requested.
    pub(super) fn flushed(&mut self) {
        self.flushes += 1;
        self.is_stale = true;
    }

    /// A message was read for the first time. It counts if it arrived while this runner was there.
    pub(super) fn loaded(&mut self, arrived: Timestamp, submitter: &Submitter) {
        if arrived < self.started {
            return;
        }
        let own = rustix::process::geteuid().as_raw();
        let class = match submitter {
            Submitter::Client(name) => ("client", label(&name.to_string())),
            Submitter::Local(0) => ("root", String::new()),
            Submitter::Local(uid) if *uid == own && own < FIRST_USER => ("postrider", String::new()),
            Submitter::Local(..FIRST_USER) => ("system", String::new()),
            Submitter::Local(_) => ("user", String::new()),
        };
        *self.intake.entry(class).or_default() += 1;
        self.is_stale = true;
    }

    /// A worker's report of an attempt whose outcomes are not on disk yet, or of none.
    pub(super) fn attempted(&mut self, account: &str, outcome: &AttemptOutcome) {
        match outcome {
            AttemptOutcome::Settled(result) | AttemptOutcome::Charged(result, _) => self.settled(account, result),
            AttemptOutcome::AccountFailed(_) | AttemptOutcome::TooManySessions(_) => {
                self.count(account, Class::AccountFailed);
            }
            AttemptOutcome::Answered
            | AttemptOutcome::More
            | AttemptOutcome::Rerouted(_)
            | AttemptOutcome::NotBegun
            | AttemptOutcome::Gone
            | AttemptOutcome::SpoolFailed(_) => {}
        }
    }

    /// The outcomes of an attempt are on disk.
    pub(super) fn settled(&mut self, account: &str, result: &AttemptResult) {
        self.count(account, Class::of(result));
    }

    fn count(&mut self, account: &str, class: Class) {
        *self.attempts.entry((label(account), class)).or_default() += 1;
        self.is_stale = true;
    }

    /// The alarm thread has looked.
    pub(super) fn looked(&mut self, status: String) {
        self.status = status;
        self.is_stale = true;
    }

    /// The file is being written.
    pub(super) fn written(&mut self, now: Timestamp) {
        self.is_stale = false;
        self.written = Some(now);
    }

    /// When the file has to be written.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let next = self.written.map(|written| written.saturating_add(EVERY).unwrap_or(written));
        self.is_stale.then_some(next.unwrap_or(Timestamp::MIN))
    }

    /// All of it.
    pub(super) fn text(&self, schedule: &Scheduler) -> String {
        let mut out = Exposition::default();
        out.family("build_info", Metric::Gauge, "The version that runs.");
        out.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        let accounts: Vec<(String, AccountFigures)> = schedule.figures();
        out.family("queue_messages", Metric::Gauge, "Messages of an account, by state.");
        for (account, figures) in &accounts {
            let states = [("waiting", figures.waiting), ("ready", figures.ready), ("active", figures.active)];
            for (state, count) in states {
                out.sample("queue_messages", &[("account", &label(account)), ("state", state)], count);
            }
        }
        out.family("queue_oldest_timestamp_seconds", Metric::Gauge, "When the oldest message of an account arrived.");
        for (account, figures) in &accounts {
            if let Some(micros) = figures.oldest {
                out.sample("queue_oldest_timestamp_seconds", &[("account", &label(account))], micros / 1_000_000);
            }
        }
        out.family("open_sessions", Metric::Gauge, "Sessions that are open.");
        for (account, figures) in &accounts {
            out.sample("open_sessions", &[("account", &label(account))], figures.sessions);
        }
        out.family("sessions_total", Metric::Counter, "Sessions opened.");
        for (account, count) in &self.sessions {
            out.sample("sessions_total", &[("account", account)], count);
        }
        out.family("attempts_total", Metric::Counter, "Attempts to deliver a message, by outcome.");
        for ((account, class), count) in &self.attempts {
            out.sample("attempts_total", &[("account", account), ("outcome", class.name())], count);
        }
        out.family("received_messages_total", Metric::Counter, "Messages that came in, by who submitted them.");
        for ((class, client), count) in &self.intake {
            out.sample("received_messages_total", &[("submitter", class), ("client", client)], count);
        }
        out.family("flushes_total", Metric::Counter, "Requests to send mail at once.");
        out.sample("flushes_total", &[], self.flushes);
        out.text() + &self.status
    }
}
