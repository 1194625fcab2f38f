//! Whether alarms can be sent, as far as that shows without sending one: the files with their web addresses, and the program.
//! Nobody would learn of it when one is needed.

use super::report::{Kind, Level, Reason};
use crate::config::secret::{SecretError, program_is_there};
use crate::config::{Config, Password, Secret};

/// Why there is no web address. No variant holds it.
#[derive(Debug, thiserror::Error)]
pub enum NoAddress {
    /// It is not to be had.
    #[error("{0}")]
    NotFound(SecretError),
    /// What is kept there is none.
    #[error("`url` does not hold a web address that begins with https://")]
    NotHttps,
}

/// The web address that is kept there.
pub fn address(url: &Password) -> Result<Secret, NoAddress> {
    let url = url.fetch().map_err(NoAddress::NotFound)?;
    if url.expose().starts_with("https://") { Ok(url) } else { Err(NoAddress::NotHttps) }
}

/// What keeps alarms from being sent.
#[must_use]
pub fn unusable(config: &Config) -> Vec<Reason> {
    let alarm = &config.alarm;
    let urls =
        [("`url` of [alarm]", alarm.url.as_ref()), ("`heartbeat`", alarm.heartbeat.as_ref().map(|beat| &beat.url))];
    let without_address = urls.into_iter().filter_map(|(what, url)| {
        let why = address(url?).err()?;
        Some(format!("alarms cannot be sent: {what}: {why}"))
    });
    let program = alarm.command.first().filter(|program| !program_is_there(program)).map(|program| {
        format!(
            "alarms cannot be sent: `command` of [alarm]: {program} is not a program that this user may run; install it, or write the \
             full path of the program"
        )
    });
    let sentences = without_address.chain(program);
    sentences.map(|sentence| Reason::of_sentence(Level::Warning, Kind::Alarm, &sentence)).collect()
}
