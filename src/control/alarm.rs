//! Tells people of trouble by ways that are not mail: from what `status` found to a list of conditions, from these and what was told
//! before to the announcements that are due, and out by the channels of `[alarm]`. The runner does it in a thread of its own,
//! `postrider status --alarm` without a runner.

pub mod announcement;
pub mod channel;
pub mod condition;
mod decision;
mod heartbeat;
pub mod motd;

use std::time::Duration;

use jiff::Timestamp;

use self::announcement::{Announcement, Phase};
use super::report::Report;
use crate::config::{Config, places};
use crate::log;
use crate::spool::alarm_state::{AlarmStore, Channel, Condition};
use crate::spool::{Spool, SpoolError, account_health};

/// Another process that is raising alarms is done by then.
const BUSY: Duration = Duration::from_mins(1);

/// Announces what is due, and keeps the file for those who log in. Returns when the next announcement may be, as far as it does not
/// depend on events.
pub fn tell(config: &Config, spool: Option<&Spool>, report: &Report) -> Result<Option<Duration>, SpoolError> {
    if let Err(error) = motd::update(config, report) {
        log::warning(format_args!("cannot write {}: {error}", motd::path(config).display()));
    }
    if !config.alarm.has_channel() && config.alarm.heartbeat.is_none() {
        return Ok(None);
    }
    let Some(mut store) = AlarmStore::open(&places::state_dir(&config.spool))? else { return Ok(Some(BUSY)) };
    let health = spool.map(|spool| account_health::current(spool, Some(config))).unwrap_or_default();
    let now = Timestamp::now();
    let found = condition::all(config, report, &health, now);
    announce(config, &mut store, &found, now)?;
    let beat = heartbeat::send(config, &mut store.state, report.level, now);
    store.keep()?;
    let next = [decision::next(&store.state, now), condition::next(config, &health, now), beat];
    Ok(next.into_iter().flatten().min())
}

/// The state is stored after each announcement: a crash in between repeats one, storing first could lose it.
fn announce(config: &Config, store: &mut AlarmStore, found: &[Condition], now: Timestamp) -> Result<(), SpoolError> {
    decision::advance(&mut store.state, found, now);
    store.keep()?;
    for due in decision::due(&store.state, &channels(config), now) {
        let announcement = Announcement::new(config, due.phase, &due.condition, now);
        match channel::send(config, due.channel, &announcement) {
            Ok(()) => decision::sent(&mut store.state, &due),
            Err(error) => {
                log::warning(format_args!("cannot send an alarm: {error}; trying again later"));
                // A command that cannot be started is no reason to wait for the server.
                if due.channel == Channel::Url {
                    store.state.retry.failed(now);
                    break;
                }
            }
        }
        store.keep()?;
    }
    Ok(())
}

fn channels(config: &Config) -> Vec<Channel> {
    let command = (!config.alarm.command.is_empty()).then_some(Channel::Command);
    let url = config.alarm.url.as_ref().map(|_| Channel::Url);
    command.into_iter().chain(url).collect()
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
