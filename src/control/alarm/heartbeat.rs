//! Asks for a web address as long as all is well. Whoever is there notices when it is asked no more: a machine that is off, or whose
//! runner is dead, cannot say so itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::channel;
use crate::config::Config;
use crate::control::report::Level;
use crate::log;
use crate::spool::alarm_state::{AlarmState, Retry};

/// Sends it if it is due. Returns when it is due next.
pub(super) fn send(config: &Config, state: &mut AlarmState, level: Level, now: Timestamp) -> Option<Duration> {
    let heartbeat = config.alarm.heartbeat.as_ref()?;
    if level > Level::Ok {
        return None;
    }
    let every = SignedDuration::try_from(heartbeat.every).unwrap_or(SignedDuration::MAX);
    let left = |state: &AlarmState| {
        // The clock may have been set back: then the last one was in the future and is as good as none.
        let passed = state.heartbeat.map(|last| now.duration_since(last)).filter(|passed| !passed.is_negative());
        passed.map_or(SignedDuration::ZERO, |passed| every.saturating_sub(passed).max(SignedDuration::ZERO))
    };
    if left(state).is_zero() && state.heartbeat_retry.is_due(now) {
        match channel::ping(&heartbeat.url) {
            Ok(()) => {
                state.heartbeat = Some(now);
                state.heartbeat_retry = Retry::default();
            }
            Err(error) => {
                log::warning(format_args!("cannot send the heartbeat: {error}; trying again later"));
                state.heartbeat_retry.failed(now);
            }
        }
    }
    let retry = state.heartbeat_retry.next.map(|next| next.duration_since(now));
    Duration::try_from(retry.unwrap_or_else(|| left(state))).ok()
}
