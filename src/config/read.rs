//! TOML text -> [`Config`], all faults at once, each with line, column and the nearest
//! known key. Pure but for the defaults that only the machine knows, which are handed
//! in as [`Surroundings`]. The folder beside it has one file per part of the config.

mod account;
mod client;
mod faults;
mod limits;
mod listener;
mod rewriting;
mod section;
mod tables;
mod top;
mod transport;

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use self::faults::Faults;
use super::places;
use crate::config::{Config, ConfigError};
use crate::sys::host;
use crate::sys::user::Caller;

/// Who can read the config file besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Nobody: a password may stand in it.
    OwnerOnly,
    /// The group or everybody.
    Others,
}

/// What the text alone does not say.
#[derive(Debug, Clone)]
pub struct Surroundings<'a> {
    /// The file, absolute: relative paths start in its folder.
    pub path: &'a Path,
    /// What `~/` stands for: the home in the passwd entry.
    pub home: Option<&'a Path>,
    /// The spool unless the config names one.
    pub spool: Option<PathBuf>,
    /// Who can read the file.
    pub readers: Readers,
    /// This machine's full name; asked only where `hostname` is not set.
    pub hostname: fn() -> String,
    /// The port of a service name; asked only for names that are not ours.
    pub services: fn(&str) -> Option<u16>,
}

/// Reads the text of the file at `path` as if only its owner could read it. Where the
/// file itself is at hand, [`super::locate::load`] does it with the file's own mode.
pub fn read(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let home = Caller::current().home;
    let around = Surroundings {
        path,
        home: home.as_deref(),
        spool: places::default_spool(path, home.as_deref()),
        readers: Readers::OwnerOnly,
        hostname: host::this_machine,
        services: host::service,
    };
    read_in(&around, text)
}

/// Reads a config in its surroundings.
pub fn read_in(around: &Surroundings, text: &str) -> Result<Config, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut faults = Faults::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    // A tree from broken syntax would only add follow-on faults; a key given twice breaks nothing.
    let sound = errors.iter().all(|error| error.message() == faults::TWICE);
    faults.add_syntax(&errors);
    let config = sound.then(|| top::config(around, table.get_ref(), &mut faults)).flatten();
    match (config, faults.into_list()) {
        (Some(config), faults) if faults.is_empty() => Ok(config),
        (rest, faults) => Err(ConfigError::Faulty { path: around.path.to_owned(), faults, rest: rest.map(Box::new) }),
    }
}

#[cfg(test)]
mod tests;
