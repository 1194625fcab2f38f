//! Sends announcements: starts the `command`, posts to the `url`. Neither may hold up mail or say the web address to anybody.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::announcement::Announcement;
use crate::config::alarm::Placeholder;
use crate::config::{Config, Password};
use crate::control::alarm_files::{NoAddress, address};
use crate::https::{self, FetchError};
use crate::log;
use crate::spool::alarm_state::Channel;

/// How long a `command` may take. One that hangs would stay for ever, and with each alarm one more.
const LONGEST: Duration = Duration::from_mins(1);
/// How often it is looked at.
const GLANCE: Duration = Duration::from_millis(50);

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
    Ended(ExitStatus),
    /// The command took too long.
    #[error("`command` had not ended after {} s and was killed", LONGEST.as_secs())]
    Killed,
}

/// Sends it. The command goes on by itself: it is somebody's script and may take its time.
pub fn send(config: &Config, channel: Channel, announcement: &Announcement<'_>) -> Result<(), SendError> {
    match channel {
        Channel::Url => post(config, announcement),
        Channel::Command => {
            let Some(mut child) = start(config, announcement)? else { return Ok(()) };
            // Without a wait the process would remain as a zombie.
            let wait = move || {
                if let Err(error) = ended(&mut child, LONGEST) {
                    log::warning(format_args!("[alarm]: {error}"));
                }
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
    ended(&mut child, LONGEST)
}

/// Waits for the end of the command, and kills it when that takes too long.
fn ended(child: &mut Child, longest: Duration) -> Result<(), SendError> {
    let deadline = Instant::now() + longest;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if !status.success() => return Err(SendError::Ended(status)),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(GLANCE),
            Ok(Some(_)) | Err(_) => return Ok(()),
            Ok(None) => break,
        }
    }
    // Both fail only if it is gone already.
    let _ = child.kill();
    let _ = child.wait();
    Err(SendError::Killed)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
