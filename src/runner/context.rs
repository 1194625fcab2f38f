//! What a runner works with: config, loaded tables, spool, watchers, clock. Shared by its
//! threads; replaced as a whole when the config is read again.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLockReadGuard};
use std::time::SystemTime;

use super::durability::DurabilityGate;
use super::finished::Recorded;
use super::rate_limit::RateLimiter;
use super::report_limit::Allowance;
use super::session_watchers::Watchers;
use super::standing::Unreadable;
use super::thread_pool::ThreadPool;
use crate::config::{Config, ConfigError, KeptTables, TableSet, TableSource, locate};
use crate::runner::completion::batch_finish::Departures;
use crate::spool::clock::Clock;
use crate::spool::{Envelope, MessageId, Spool, SpoolError};
use crate::submit::admit::context::Tables;

/// One generation of settings.
#[derive(Debug)]
pub struct Settings {
    /// The config.
    pub config: Config,
    /// The spool.
    pub spool: Spool,
    /// Who is told of each step of a session.
    pub watchers: Arc<Watchers>,
    /// The queue's time.
    pub clock: Arc<Clock>,
    /// Outcomes that must reach the disk; whether to end.
    pub safety: Arc<DurabilityGate>,
    /// Who writes down what sessions learnt.
    pub settlers: Arc<ThreadPool>,
    /// Finished messages on their way out.
    pub departures: Arc<Departures>,
    /// Messages begun lately, by account.
    pub tempo: Arc<RateLimiter>,
    /// Reports sent lately, by whom they went to.
    pub allowance: Arc<Allowance>,
    /// Messages that are in the queue still after their record was written.
    pub recorded: Arc<Recorded>,
    tables: KeptTables,
    read: Option<Edition>,
}

/// A file as it was when it was read; another one has another edition, however old it says it is.
type Edition = (SystemTime, u64, u64);

fn edition(path: &Path) -> Option<Edition> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.modified().ok()?, file.ino(), file.len()))
}

impl Settings {
    /// Loads the tables that the config names.
    #[must_use]
    pub fn new(config: Config, spool: Spool, watchers: Arc<Watchers>) -> Self {
        let tables = KeptTables::load(&config);
        let (clock, safety) = (Arc::new(Clock::start(&spool)), Arc::new(DurabilityGate::new(&spool)));
        let read = edition(&config.path);
        Self {
            config,
            spool,
            watchers,
            clock,
            safety,
            settlers: ThreadPool::settlers(),
            departures: Arc::default(),
            tempo: Arc::default(),
            allowance: Arc::default(),
            recorded: Arc::default(),
            tables,
            read,
        }
    }

    /// The next generation, from the same file; all but config and tables stays.
    pub fn reload(&self) -> Result<Self, ConfigError> {
        let read = edition(&self.config.path);
        let config = locate::load(Some(&self.config.path))?;
        Ok(Self {
            tables: KeptTables::load(&config),
            config,
            spool: self.spool.clone(),
            watchers: Arc::clone(&self.watchers),
            clock: Arc::clone(&self.clock),
            safety: Arc::clone(&self.safety),
            settlers: Arc::clone(&self.settlers),
            departures: Arc::clone(&self.departures),
            tempo: Arc::clone(&self.tempo),
            allowance: Arc::clone(&self.allowance),
            recorded: Arc::clone(&self.recorded),
            read,
        })
    }

    /// Whether history has this message that is still in the queue.
    pub fn is_recorded(&self, id: &MessageId) -> Result<bool, SpoolError> {
        self.recorded.has(&self.spool, id)
    }

    /// Whether it has left: every recipient has it, and history says so, but its file is still there. One that was
    /// brought back from failed/ under its old id has not.
    pub fn has_left(&self, envelope: &Envelope) -> Result<bool, SpoolError> {
        self.recorded.has_left(&self.spool, envelope)
    }

    /// Whether the config file is another than the one that was read.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        edition(&self.config.path).is_some_and(|now| Some(now) != self.read)
    }

    /// What is wrong with the config file, should it be read again now.
    #[must_use]
    pub fn unreadable(&self) -> Option<Unreadable> {
        locate::load(Some(&self.config.path)).err().map(|error| Unreadable::of(&error))
    }

    /// The files whose change may mend what mail waits for.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let config = &self.config;
        let secrets = config.accounts.iter().filter_map(|account| account.password.as_ref()?.file());
        let tables = config.generic.iter().chain(config.rewriting.tables()).filter_map(TableSource::path);
        secrets.chain(tables).map(PathBuf::from).chain([config.path.clone()]).collect()
    }

    /// The generic tables.
    pub fn generic(&self) -> RwLockReadGuard<'_, TableSet> {
        self.tables.generic()
    }

    /// Looks again at table files of the way out that changed.
    pub fn refresh(&self) {
        self.tables.refresh_generic();
    }

    /// The tables for a message that comes in now.
    pub fn arriving(&self) -> Tables<'_> {
        self.tables.renew(&self.config.rewriting);
        Tables::Kept(&self.tables)
    }
}
