//! What a runner works with: config, loaded tables, spool, watchers. Shared by its
//! threads; replaced as a whole when the config is read again.

use std::sync::{Arc, RwLock, RwLockReadGuard};
use std::time::SystemTime;

use super::watch::Watchers;
use crate::config::{Config, ConfigError, TableSet, locate};
use crate::spool::Spool;

/// One generation of settings.
#[derive(Debug)]
pub struct Settings {
    /// The config.
    pub config: Config,
    /// The spool.
    pub spool: Spool,
    /// Who is told of each step of a session.
    pub watchers: Arc<Watchers>,
    generic: RwLock<TableSet>,
    read_at: SystemTime,
}

impl Settings {
    /// Loads the tables that the config names.
    #[must_use]
    pub fn new(config: Config, spool: Spool, watchers: Arc<Watchers>) -> Self {
        let generic = RwLock::new(TableSet::load(&config.generic));
        Self { config, spool, watchers, generic, read_at: SystemTime::now() }
    }

    /// The next generation, from the same file; spool and watchers stay.
    pub fn reload(&self) -> Result<Self, ConfigError> {
        let config = locate::load(Some(&self.config.path))?;
        Ok(Self::new(config, self.spool.clone(), Arc::clone(&self.watchers)))
    }

    /// Whether the config file was written since it was read.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        let written = std::fs::metadata(&self.config.path).and_then(|m| m.modified());
        written.is_ok_and(|written| written >= self.read_at)
    }

    /// The generic tables.
    pub fn generic(&self) -> RwLockReadGuard<'_, TableSet> {
        self.generic.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Looks again at table files that changed.
    pub fn refresh(&self) {
        self.generic.write().unwrap_or_else(std::sync::PoisonError::into_inner).refresh();
    }
}
