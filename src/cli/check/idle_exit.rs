//! `idle_exit`: whether anything starts the service again once it has left.

use super::Findings;
use crate::config::Config;
use crate::config::places::{DROP_UNIT, SOCKET_UNIT, is_system_spool};
use crate::control::report::Kind;
use crate::sys::units;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    if config.queue.idle_exit.is_none() {
        return;
    }
    if !is_system_spool(&config.spool) {
        let text = "`idle_exit` has no effect here: only the system-wide service exits when it is idle; remove it";
        findings.warning(Kind::Runner, None, text.to_owned());
        return;
    }
    for (unit, target, why) in [
        (
            SOCKET_UNIT,
            "sockets.target",
            "the service does not exit when it is idle, because it opens its socket itself",
        ),
        (DROP_UNIT, "paths.target", "mail that is stored in drop/ while the service is not running is not picked up"),
    ] {
        if !units::is_enabled(unit, target) {
            let text = format!("`idle_exit`: {why}; run \"systemctl enable --now {unit}\"");
            findings.warning(Kind::Runner, None, text);
        }
    }
}
