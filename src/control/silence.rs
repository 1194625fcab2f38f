//! Senders that are expected to write and do not: a backup that has died sends no mail about it. When each last wrote is read from
//! history and the queue. What was read of history is kept in the state directory, so that each line of it is read once.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::report::{Kind, Level, Reason};
use crate::config::units::in_words;
use crate::config::{Config, places};
use crate::mail::fold_case::fold_case;
use crate::spool::clock::Clock;
use crate::spool::history::{self, Extent};
use crate::spool::state_dir::StateDir;
use crate::spool::{Spool, SpoolError};

const NAME: &str = "expected.json";

/// What is known of expected senders.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    /// How far history was read.
    read: Extent,
    /// When each last wrote, or was first expected.
    last: BTreeMap<String, Timestamp>,
}

/// The senders in the queue that are expected, and when each wrote last.
#[derive(Debug, Default)]
pub struct QueuedSenders<'a> {
    expected: Option<&'a BTreeMap<String, Duration>>,
    last: HashMap<String, Timestamp>,
}

impl<'a> QueuedSenders<'a> {
    /// None yet.
    #[must_use]
    pub fn of(config: &'a Config) -> Self {
        Self { expected: Some(&config.alarm.expect), last: HashMap::new() }
    }

    /// A message in the queue.
    pub fn saw(&mut self, sender: &impl std::fmt::Display, arrived: Timestamp) {
        let Some(expected) = self.expected.filter(|expected| !expected.is_empty()) else { return };
        let sender = fold_case(&sender.to_string()).into_owned();
        if expected.contains_key(&sender) {
            let last = self.last.entry(sender).or_insert(arrived);
            *last = arrived.max(*last);
        }
    }
}

/// The senders that have been silent for longer than is allowed.
pub fn warnings(
    config: &Config,
    spool: &Spool,
    queued: &QueuedSenders<'_>,
    clock: &Clock,
) -> Result<Vec<Reason>, SpoolError> {
    let expected = &config.alarm.expect;
    if expected.is_empty() {
        return Ok(Vec::new());
    }
    let last = last_written(config, spool, &queued.last)?;
    let silent = expected.iter().filter_map(|(sender, allowed)| {
        let last = *last.get(sender)?;
        let age = clock.age(last);
        (age > *allowed).then(|| {
            let text =
                format!("no mail from {sender} for {}, which is expected every {}", in_words(age), in_words(*allowed));
            let reason = Reason::new(Level::Warning, Kind::Silence, text).of(sender).since(Some(last));
            reason.cured_by("see why it does not write, or change `expect`")
        })
    });
    Ok(silent.collect())
}

fn last_written(
    config: &Config,
    spool: &Spool,
    queued: &HashMap<String, Timestamp>,
) -> Result<BTreeMap<String, Timestamp>, SpoolError> {
    let expected = &config.alarm.expect;
    let dir = StateDir::open(&places::state_dir(&config.spool))?;
    let kept = dir.read(NAME)?;
    let mut known: Known = kept.as_ref().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
    // Of a sender that is new in the configuration, history has to be read again.
    if expected.keys().any(|sender| !known.last.contains_key(sender)) {
        known.read = Extent::default();
    }
    // Before the lines: what is written meanwhile is read twice and not left out.
    let extent = Extent::now(spool)?;
    let mut found: BTreeMap<String, Timestamp> = BTreeMap::new();
    history::senders(spool, &known.read, |sender, arrived| {
        let sender = fold_case(sender).into_owned();
        if expected.contains_key(&sender) {
            let last = found.entry(sender).or_insert(arrived);
            *last = arrived.max(*last);
        }
    })?;
    let now = Timestamp::now();
    known.last.retain(|sender, _| expected.contains_key(sender));
    for sender in expected.keys() {
        let seen = [known.last.get(sender), found.get(sender), queued.get(sender)].into_iter().flatten().max().copied();
        known.last.insert(sender.clone(), seen.unwrap_or(now));
    }
    known.read = extent;
    let bytes = serde_json::to_vec(&known).unwrap_or_default();
    if kept.is_none_or(|kept| *kept != bytes) {
        dir.write(NAME, &bytes)?;
    }
    Ok(known.last)
}
