//! Which announcements are due: one when trouble begins, one when it is over, by each channel. Pure.
//!
//! Trouble that comes and goes would be a storm of both. So a condition that returns within an hour after its end is announced
//! only when the hour is over, and many at once become one announcement.

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::announcement::Phase;
use crate::control::report::Kind;
use crate::spool::alarm_state::{AlarmOutage, AlarmState, Channel, Condition, Retry};

/// The same trouble is not announced again before this time has passed since its end.
const QUIET: SignedDuration = SignedDuration::from_hours(1);
/// An end that could not be announced by then is forgotten.
const STALE: SignedDuration = SignedDuration::from_hours(24);
/// So many announcements are made at once by a channel; the last of them stands for the rest.
const MOST: usize = 8;

/// An announcement that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    /// The outages that it announces.
    keys: Vec<String>,
    pub(super) channel: Channel,
    pub(super) phase: Phase,
    pub(super) condition: Condition,
}

/// Takes note of what was found.
///
/// Where the configuration or the queue could not be read, other conditions may only be out of sight, so none is over.
pub(super) fn advance(state: &mut AlarmState, found: &[Condition], now: Timestamp) {
    for condition in found {
        let fresh = || AlarmOutage { condition: condition.clone(), raised: Vec::new(), ended: None, over: Vec::new() };
        let outage = state.outages.entry(condition.key()).or_insert_with(fresh);
        match outage.ended {
            None => {
                let since = outage.condition.since.min(condition.since);
                outage.condition = Condition { since, ..condition.clone() };
            }
            Some(ended) if now.duration_since(ended) >= QUIET => *outage = fresh(),
            Some(_) => {}
        }
    }
    let is_blind = found.iter().any(|one| [Kind::Config, Kind::Unknown].iter().any(|kind| one.kind == kind.name()));
    let keys: HashSet<String> = found.iter().map(Condition::key).collect();
    state.outages.retain(|key, outage| {
        if !is_blind && outage.ended.is_none() && !keys.contains(key) {
            outage.ended = Some(now);
        }
        let Some(ended) = outage.ended else { return true };
        let (gone, is_open) = (now.duration_since(ended), outage.raised.iter().any(|one| !outage.over.contains(one)));
        !outage.raised.is_empty() && gone < STALE && (is_open || gone < QUIET)
    });
}

/// What is to be announced now.
pub(super) fn due(state: &AlarmState, channels: &[Channel], now: Timestamp) -> Vec<Due> {
    let is_ready = |channel: &Channel| *channel != Channel::Url || state.retry.is_due(now);
    let ready = channels.iter().copied().filter(is_ready);
    ready
        .flat_map(|channel| bundled(state.outages.iter().filter_map(|(key, one)| due_of(key, one, channel)).collect()))
        .collect()
}

fn due_of(key: &str, outage: &AlarmOutage, channel: Channel) -> Option<Due> {
    let (was_raised, was_over) = (outage.raised.contains(&channel), outage.over.contains(&channel));
    let phase = match outage.ended {
        None if !was_raised => Phase::Raised,
        Some(_) if was_raised && !was_over => Phase::Over,
        _ => return None,
    };
    Some(Due { keys: vec![key.to_owned()], channel, phase, condition: outage.condition.clone() })
}

fn bundled(mut due: Vec<Due>) -> Vec<Due> {
    for phase in [Phase::Raised, Phase::Over] {
        let (same, mut others): (Vec<Due>, Vec<Due>) = due.into_iter().partition(|one| one.phase == phase);
        let mut same = same.into_iter();
        let first: Vec<Due> =
            if same.len() > MOST { same.by_ref().take(MOST - 1).collect() } else { same.by_ref().collect() };
        others.extend(first);
        if let Some(mut one) = same.next() {
            let rest: Vec<Due> = same.collect();
            one.condition = Condition {
                account: None,
                subject: None,
                count: None,
                text: format!("{} further conditions", rest.len() + 1),
                cure: "`postrider status` names them".to_owned(),
                ..one.condition
            };
            one.keys.extend(rest.into_iter().flat_map(|one| one.keys));
            others.push(one);
        }
        due = others;
    }
    due
}

/// Takes note of what was announced.
pub(super) fn sent(state: &mut AlarmState, due: &Due) {
    for key in &due.keys {
        let Some(outage) = state.outages.get_mut(key) else { continue };
        match due.phase {
            Phase::Raised => outage.raised.push(due.channel),
            Phase::Over => outage.over.push(due.channel),
            Phase::Test => {}
        }
    }
    if due.channel == Channel::Url {
        state.retry = Retry::default();
    }
}

/// When a channel that failed is tried again.
pub(super) fn next(state: &AlarmState, now: Timestamp) -> Option<Duration> {
    let next = state.retry.next?;
    Some(Duration::try_from(next.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
