//! Sends announcements: starts the `command`, posts to the `url`. Neither may hold up mail or say the web address to anybody.

use std::process::{Child, Command, Stdio};

use super::announcement::Announcement;
use crate::config::alarm::Placeholder;
use crate::config::{Config, Password};
use crate::control::alarm_files::{NoAddress, address};
use crate::https::{self, FetchError};
use crate::log;
use crate::spool::alarm_state::Channel;

/// Why an announcement was not sent. No variant holds the web address.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There is no web address.
    #[error("{0}")]
    NoAddress(#[from] NoAddress),
    /// The server did not take it.
    #[error("the server of `url`: {0}")]
    NotPosted(FetchError),
    /// The command could not be started.
    #[error("cannot start `command` ({program}): {error}")]
    NotStarted {
        /// Its first word.
        program: String,
        /// The system's words.
        error: std::io::Error,
    },
    /// The command ended badly.
    #[error("`command` ended with {0}")]
    Ended(std::process::ExitStatus),
}

/// Sends it. The command goes on by itself: it is somebody's script and may hang.
pub fn send(config: &Config, channel: Channel, announcement: &Announcement<'_>) -> Result<(), SendError> {
    match channel {
        Channel::Url => post(config, announcement),
        Channel::Command => {
            let Some(mut child) = start(config, announcement)? else { return Ok(()) };
            let wait = move || match child.wait() {
                Ok(status) if !status.success() => {
                    log::warning(format_args!("the `command` of [alarm] ended with {status}"));
                }
                // Without a wait the process would remain as a zombie.
                _ => {}
            };
            // Without a thread only the warning is missing.
            let _ = std::thread::Builder::new().name("alarm command".into()).spawn(wait);
            Ok(())
        }
    }
}

/// The same, with the end of the command.
pub fn send_and_wait(config: &Config, channel: Channel, announcement: &Announcement<'_>) -> Result<(), SendError> {
    if channel == Channel::Url {
        return post(config, announcement);
    }
    let Some(mut child) = start(config, announcement)? else { return Ok(()) };
    match child.wait() {
        Ok(status) if !status.success() => Err(SendError::Ended(status)),
        _ => Ok(()),
    }
}

fn start(config: &Config, announcement: &Announcement<'_>) -> Result<Option<Child>, SendError> {
    let [program, arguments @ ..] = config.alarm.command.as_slice() else { return Ok(None) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    for (name, placeholder) in Placeholder::ALL {
        command.env(format!("POSTRIDER_{}", name.to_ascii_uppercase()), announcement.value(placeholder));
    }
    command.env("POSTRIDER_SINCE", announcement.since().to_string());
    let started = command.spawn();
    started.map(Some).map_err(|error| SendError::NotStarted { program: program.clone(), error })
}

fn post(config: &Config, announcement: &Announcement<'_>) -> Result<(), SendError> {
    let Some(url) = &config.alarm.url else { return Ok(()) };
    let url = address(url)?;
    let posted = announcement.posted(&config.alarm.format);
    let fields = posted.fields.iter().map(|(name, value)| (*name, value.as_str()));
    let fields: Vec<_> = fields.chain([("Content-Type", posted.content_type)]).collect();
    https::post(url.expose(), &fields, &posted.body).map_err(SendError::NotPosted)
}

/// Asks for a web address, for nothing but to be seen there.
pub(super) fn ping(url: &Password) -> Result<(), SendError> {
    https::ping(address(url)?.expose()).map_err(SendError::NotPosted)
}
