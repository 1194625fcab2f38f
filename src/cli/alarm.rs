//! `postrider alarm`: shows that alarms arrive.

use super::exit::{Exit, Failure};
use crate::config::Config;
use crate::control::alarm::{self, motd};
use crate::spool::alarm_state::Channel;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Send a test through each channel in [alarm] and report the result
    Test,
}

/// Does it.
pub fn run(config: &Config, action: &Action) -> Result<Exit, Failure> {
    let Action::Test = action;
    let sent = alarm::test(config);
    let mut exit = Exit::Ok;
    for (channel, result) in &sent {
        let name = match channel {
            Channel::Command => "command",
            Channel::Url => "url",
        };
        match result {
            Ok(()) => print_line!("{name}: the test was sent"),
            Err(error) => {
                print_line!("{name}: {error}");
                exit = Exit::Unavailable;
            }
        }
    }
    if config.alarm.motd {
        print_line!("motd: while something is wrong, {} says so", motd::path(config).display());
    } else if sent.is_empty() {
        let path = config.path.display();
        let message =
            format_args!("no alarm channel is configured: set `command`, `url` or `motd` in [alarm] of {path}");
        return Err(Failure::new(Exit::Config, message));
    }
    Ok(exit)
}
