//! TOML text -> [`Config`], all faults at once, each with line, column and the nearest
//! known key. Pure but for the defaults that only the machine knows, which are handed
//! in as [`Surroundings`]. The folder beside it has one file per part of the config.

mod account;
mod alarm;
mod client;
mod fallback;
mod faults;
mod flood;
mod idle_exit;
mod limits;
mod listener;
mod mailbox;
mod merge;
mod oauth;
mod password;
mod rewriting;
mod section;
mod source;
mod tables;
mod top;
mod transport;

use std::path::{Path, PathBuf};

use self::faults::Faults;
pub use self::source::{Readers, Source};
use super::places;
use crate::config::{Config, ConfigError};
use crate::sys::user::Caller;
use crate::sys::{host, units};

/// What the text alone does not say.
#[derive(Debug, Clone)]
pub struct Surroundings<'a> {
    /// The file, absolute: relative paths start in its folder.
    pub path: &'a Path,
    /// What `~/` stands for: the home in the passwd entry.
    pub home: Option<&'a Path>,
    /// The spool unless the config names one.
    pub spool: Option<PathBuf>,
    /// Who can read the main file.
    pub readers: Readers,
    /// This machine's full name; asked only where `hostname` is not set.
    pub hostname: fn() -> String,
    /// The port of a service name; asked only for names that are not ours.
    pub services: fn(&str) -> Option<u16>,
    /// Whether this timer of systemd is enabled; asked only where the runner may leave.
    pub timers: fn(&str) -> bool,
}

/// Reads the text of the file at `path` as if only its owner could read it. Where the
/// file itself is at hand, [`super::locate::load`] does it with the file's own mode.
pub fn read(path: &Path, text: &str) -> Result<Config, ConfigError> {
    read_with(path, text, &[])
}

/// The same with the texts of further files.
pub fn read_with(path: &Path, text: &str, others: &[Source]) -> Result<Config, ConfigError> {
    let home = Caller::current().home;
    let around = Surroundings {
        path,
        home: home.as_deref(),
        spool: places::default_spool(path, home.as_deref()),
        readers: Readers::OwnerOnly,
        hostname: host::this_machine,
        services: host::service,
        timers: units::is_timer_enabled,
    };
    read_all(&around, text, others)
}

/// Reads a config of one file in its surroundings.
pub fn read_in(around: &Surroundings, text: &str) -> Result<Config, ConfigError> {
    read_all(around, text, &[])
}

/// Reads a config of several files: relative paths in all of them start in the folder of the main one.
pub fn read_all(around: &Surroundings, text: &str, others: &[Source]) -> Result<Config, ConfigError> {
    let main = Source { path: around.path, text, readers: around.readers, variables: &[] };
    let bare = |source: &Source<'_>| source.text.strip_prefix('\u{feff}').unwrap_or(source.text).len();
    let sources = [&main].into_iter().chain(others);
    let mut faults =
        Faults::new(sources.map(|source| Source { text: &source.text[source.text.len() - bare(source)..], ..*source }));
    let table = merge::merged(&mut faults);
    let config = table.and_then(|table| top::config(around, &table, &mut faults));
    match (config, faults.into_list()) {
        (Some(config), faults) if faults.is_empty() => {
            let files = others.iter().filter(|source| source.variables.is_empty());
            Ok(Config { others: files.map(|source| source.path.to_owned()).collect(), ..config })
        }
        (rest, faults) => Err(ConfigError::Faulty { path: around.path.to_owned(), faults, rest: rest.map(Box::new) }),
    }
}

#[cfg(test)]
mod tests;
