//! Tells people of trouble by ways that are not mail: from what `status` found to a list of conditions, from these and what was told
//! before to the announcements that are due, and out by the channels of `[alarm]`. The runner does it in a thread of its own,
//! `postrider status --alarm` without a runner.

pub mod announcement;
pub mod channel;
pub mod condition;
mod decision;
pub mod motd;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::announcement::{Announcement, Phase};
use super::report::Report;
use crate::config::{Config, places};
use crate::log;
use crate::spool::SpoolError;
use crate::spool::account_health::Health;
use crate::spool::alarm_state::{AlarmState, AlarmStore, Channel};

/// A server that does not accept an alarm is asked again after this time, doubled with each failure.
const FIRST_RETRY: Duration = Duration::from_mins(1);
/// At most.
const LAST_RETRY: Duration = Duration::from_hours(1);
/// Another process that is raising alarms is done by then.
const BUSY: Duration = Duration::from_mins(1);

/// Announces what is due. Returns when the next announcement may be, as far as it does not depend on events.
///
/// The state is stored after each announcement: a crash in between repeats one, storing first could lose it.
pub fn raise(config: &Config, report: &Report, health: &Health) -> Result<Option<Duration>, SpoolError> {
    if !config.alarm.has_channel() {
        return Ok(None);
    }
    let Some(mut store) = AlarmStore::open(&places::state_dir(&config.spool))? else { return Ok(Some(BUSY)) };
    let now = Timestamp::now();
    let found = condition::all(config, report, health, now);
    decision::advance(&mut store.state, &found, now);
    store.keep()?;
    for due in decision::due(&store.state, &channels(config), now) {
        let announcement = Announcement::new(config, due.phase, &due.condition, now);
        match channel::send(config, due.channel, &announcement) {
            Ok(()) => decision::sent(&mut store.state, &due),
            Err(error) => {
                log::warning(format_args!("cannot send an alarm: {error}; trying again later"));
                failed(&mut store.state, due.channel, now);
                // What follows goes the same way.
                break;
            }
        }
        store.keep()?;
    }
    store.keep()?;
    let next = [decision::next(&store.state, now), condition::next(config, health, now)];
    Ok(next.into_iter().flatten().min())
}

fn channels(config: &Config) -> Vec<Channel> {
    let command = (!config.alarm.command.is_empty()).then_some(Channel::Command);
    let url = config.alarm.url.as_ref().map(|_| Channel::Url);
    command.into_iter().chain(url).collect()
}

/// A command that cannot be started is no reason to wait for the server, and it is not started again for this.
fn failed(state: &mut AlarmState, channel: Channel, now: Timestamp) {
    let Channel::Url = channel else { return };
    let wait = FIRST_RETRY.saturating_mul(1 << state.retry.failures.min(10)).min(LAST_RETRY);
    state.retry.failures = state.retry.failures.saturating_add(1);
    state.retry.next = SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok());
}

/// One for `postrider alarm test`, by each channel, with what became of it.
#[must_use]
pub fn test(config: &Config) -> Vec<(Channel, Result<(), channel::SendError>)> {
    let now = Timestamp::now();
    let condition = condition::test(now);
    let announcement = Announcement::new(config, Phase::Test, &condition, now);
    let send = |channel| (channel, channel::send_and_wait(config, channel, &announcement));
    channels(config).into_iter().map(send).collect()
}
