//! `idle_exit` of `[queue]`: what a runner that may leave cannot do at the same time. Its absence would go unnoticed.

use std::time::Duration;

use toml::de::DeValue;

use super::Surroundings;
use super::faults::Faults;
use super::section::Section;
use crate::config::Config;
use crate::config::places::ALARM_TIMER;

/// systemd refuses to start a service more than five times within ten seconds.
const LEAST: Duration = Duration::from_secs(3);

pub(super) fn check(around: &Surroundings, top: &Section, config: &Config, faults: &mut Faults) {
    let Some(idle_exit) = config.queue.idle_exit else { return };
    let at = place(top);
    if idle_exit < LEAST {
        let least = LEAST.as_secs();
        faults.add(
            at,
            format!("`idle_exit` must be at least {least}s: systemd gives up on a service that it starts too often"),
        );
    }
    for listener in config.listeners.iter().filter(|listener| !listener.addresses.is_empty()) {
        let name = &listener.name;
        faults.add(
            at,
            format!(
                "`idle_exit` cannot be combined with [listen.{name}], whose address the service opens itself: the port would be \
                 closed while the service is not running; set address = \"systemd\" there and enable a .socket unit, or remove `idle_exit`"
            ),
        );
    }
    let runners: Vec<&str> = runners_alone(config).collect();
    if !runners.is_empty() && !(around.timers)(ALARM_TIMER) {
        let runners = runners.join(", ");
        faults.add(
            at,
            format!(
                "`idle_exit` cannot be combined with {runners}, which would do nothing while the service is not running; run \
                 \"systemctl enable --now {ALARM_TIMER}\", or remove `idle_exit`"
            ),
        );
    }
}

/// What needs somebody who looks again and again: the runner, or the timer in its place.
fn runners_alone(config: &Config) -> impl Iterator<Item = &'static str> {
    let alarm = &config.alarm;
    let has = [
        (!alarm.command.is_empty(), "`command` of [alarm]"),
        (alarm.url.is_some(), "`url` of [alarm]"),
        (alarm.motd, "`motd` of [alarm]"),
        (alarm.heartbeat.is_some(), "`heartbeat` of [alarm]"),
        (!alarm.expect.is_empty(), "`expect` of [alarm]"),
        (config.metrics.textfile.is_some(), "`textfile` of [metrics]"),
    ];
    has.into_iter().filter_map(|(has, what)| has.then_some(what))
}

/// Where the key stands.
fn place(top: &Section) -> usize {
    let inner = || {
        let DeValue::Table(queue) = top.get("queue")?.get_ref() else { return None };
        Some(queue.get("idle_exit")?.span().start)
    };
    inner().unwrap_or(0)
}
