//! Config, tables, spool and clock, loaded together: what looking at the queue and changing
//! it needs. The runner adds its threads and limits to this in `runner::context`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use jiff::Timestamp;
use parking_lot::RwLockReadGuard;
use serde::{Deserialize, Serialize};

use crate::config::{Account, Config, ConfigError, KeptTables, LeavingTables, TableSource, conf_d, locate};
use crate::deliver::plan;
use crate::log;
use crate::mail::address::Address;
use crate::rules::own_sender::OwnAddresses;
use crate::spool::clock::Clock;
use crate::spool::state_dir::StateDir;
use crate::spool::{Envelope, Recipient, Spool};
use crate::submit::admit::complete;
use crate::submit::admit::context::Tables;

/// One generation of the configuration, with the spool and clock that outlive it.
#[derive(Debug)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// The spool.
    pub spool: Spool,
    /// The queue's time.
    pub clock: Arc<Clock>,
    tables: OnceLock<KeptTables>,
    files: ConfigFiles,
}

/// Identifies the contents of a file: modification time, inode, length. The time alone is not
/// enough, because a file that replaces another may claim any time.
type Edition = (SystemTime, u64, u64);

/// Those of all files of a configuration.
type ConfigEdition = Vec<(PathBuf, Option<Edition>)>;

fn edition(path: &Path) -> Option<Edition> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.modified().ok()?, file.ino(), file.len()))
}

/// The files of a configuration as they are at one moment.
#[derive(Debug)]
struct ConfigFiles {
    /// `None` while there is no main file: an editor may be about to rename the new one over it.
    edition: Option<ConfigEdition>,
    /// When one of them last changed.
    changed: Option<Timestamp>,
}

impl ConfigFiles {
    fn look(main: &Path) -> Self {
        let paths = conf_d::with_main(main);
        let changed = paths.iter().filter_map(|path| changed_at(path)).max();
        let all = || paths.into_iter().map(|path| (path.clone(), edition(&path))).collect();
        Self { edition: edition(main).map(|_| all()), changed }
    }
}

/// When a configuration last changed, in any of its files.
#[must_use]
pub fn config_changed_at(main: &Path) -> Option<Timestamp> {
    ConfigFiles::look(main).changed
}

/// When a file last changed. It is the time of status change, since a file that is restored, or made readable by a
/// chmod, keeps an old time of modification.
#[must_use]
pub fn changed_at(path: &Path) -> Option<Timestamp> {
    let file = std::fs::metadata(path).ok()?;
    Timestamp::new(file.ctime(), i32::try_from(file.ctime_nsec()).ok()?).ok()
}

impl Loaded {
    /// The tables are read when they are first needed: many commands need none.
    #[must_use]
    pub fn new(config: Config, spool: Spool) -> Self {
        let clock = Arc::new(Clock::start(&spool));
        let files = ConfigFiles::look(&config.path);
        Self { files, config, spool, clock, tables: OnceLock::new() }
    }

    /// The next generation, read from the same config file.
    pub fn reload(&self) -> Result<Self, ConfigError> {
        let files = ConfigFiles::look(&self.config.path);
        let config = locate::load(Some(&self.config.path))?;
        let (spool, clock) = (self.spool.clone(), Arc::clone(&self.clock));
        Ok(Self { config, spool, clock, tables: OnceLock::new(), files })
    }

    /// When the config file had last changed as it was read.
    #[must_use]
    pub fn config_changed(&self) -> Option<Timestamp> {
        self.files.changed
    }

    /// Whether the config file has changed since it was read.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        ConfigFiles::look(&self.config.path).edition.is_some_and(|now| Some(now) != self.files.edition)
    }

    /// What is wrong with the config file, should it be read again now.
    #[must_use]
    pub fn unreadable(&self) -> Option<Unreadable> {
        locate::load(Some(&self.config.path)).err().map(|error| Unreadable::of(&error))
    }

    /// Makes the state directory where an account logs in by OAuth 2.0: one that does not exist cannot be watched for a login.
    pub fn make_state_dir(&self) {
        for oauth in self.config.accounts.iter().filter_map(|account| account.oauth.as_ref()) {
            if let Err(error) = StateDir::open(&oauth.state) {
                log::warning(error);
            }
        }
    }

    /// The files that mail may wait for: config, secrets, tables; and the folders of which every file counts.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let config = &self.config;
        let secrets = config.accounts.iter().filter_map(Account::credential_file);
        let tables = config
            .generic
            .iter()
            .chain(&config.local_users)
            .chain(config.rewriting.tables())
            .filter_map(TableSource::path);
        secrets.chain(tables.map(PathBuf::from)).chain([config.path.clone(), conf_d::folder(&config.path)]).collect()
    }

    /// The tables of the way out.
    pub fn leaving(&self) -> RwLockReadGuard<'_, LeavingTables> {
        self.tables().leaving()
    }

    /// Whether a sender belongs to this machine's users, so that it gets reports.
    pub fn is_own_sender(&self, sender: &Address) -> bool {
        let tables = self.tables();
        let (arrival, leaving) = (&tables.arrival(&self.config.rewriting), tables.leaving());
        OwnAddresses { config: &self.config, generic: &leaving.generic, arrival }.include(sender)
    }

    /// The recipients of a message of our own to this address.
    #[must_use]
    pub fn own_recipients(&self, to: &Address) -> Vec<Recipient> {
        complete::own_recipients(&self.config, &self.tables().arrival(&self.config.rewriting), to)
    }

    /// Reads tables again whose files have changed.
    pub fn refresh(&self) {
        self.tables().refresh();
    }

    /// The tables for a message that arrives now.
    pub fn arriving(&self) -> Tables<'_> {
        self.tables().renew(&self.config.rewriting);
        Tables::Kept(self.tables())
    }

    /// The account that the message would use for these of its recipients, or an empty name where the config names
    /// none: an attempt reports that.
    #[must_use]
    pub fn account_for(&self, envelope: &Envelope, pending: &[usize]) -> String {
        plan::account_name(&self.config, &self.leaving(), envelope, pending).unwrap_or_default().to_owned()
    }

    /// The same for all recipients of the envelope.
    #[must_use]
    pub fn account_of(&self, envelope: &Envelope) -> String {
        self.account_for(envelope, &(0..envelope.recipients.len()).collect::<Vec<_>>())
    }

    fn tables(&self) -> &KeptTables {
        self.tables.get_or_init(|| KeptTables::load(&self.config))
    }
}

/// A configuration that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The file, and where in it.
    pub(super) place: String,
    /// Place, fault and way out, in one line. Keys may be addresses, so only a scope over everything
    /// includes it.
    pub(super) reason: Option<String>,
}

impl Unreadable {
    /// What is wrong with it.
    #[must_use]
    pub fn of(error: &ConfigError) -> Self {
        let said = error.to_string();
        Self { place: error.place(), reason: said.lines().next().map(str::to_owned) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
