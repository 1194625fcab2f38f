//! What a runner works with: what was loaded, watchers, threads, limits. Shared by its
//! threads; replaced as a whole when the config is read again.

use std::ops::Deref;
use std::sync::Arc;

use super::durability::DurabilityGate;
use super::finished::Recorded;
use super::rate_limit::RateLimiter;
use super::report_limit::Allowance;
use super::session_watchers::Watchers;
use super::thread_pool::ThreadPool;
use crate::config::{Config, ConfigError};
use crate::control::loaded::Loaded;
use crate::runner::completion::batch_finish::Departures;
use crate::spool::{Envelope, MessageId, Spool, SpoolError};

/// One generation of settings.
#[derive(Debug)]
pub struct Settings {
    /// Config, tables, spool, clock.
    pub loaded: Arc<Loaded>,
    /// Who is told of each step of a session.
    pub watchers: Arc<Watchers>,
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
}

impl Deref for Settings {
    type Target = Loaded;

    fn deref(&self) -> &Loaded {
        &self.loaded
    }
}

impl Settings {
    /// Loads the tables that the config names.
    #[must_use]
    pub fn new(config: Config, spool: Spool, watchers: Arc<Watchers>) -> Self {
        let safety = Arc::new(DurabilityGate::new(&spool));
        Self {
            loaded: with_tables(Loaded::new(config, spool)),
            watchers,
            safety,
            settlers: ThreadPool::settlers(),
            departures: Arc::default(),
            tempo: Arc::default(),
            allowance: Arc::default(),
            recorded: Arc::default(),
        }
    }

    /// The next generation, from the same file; all but config and tables stays.
    pub fn reload(&self) -> Result<Self, ConfigError> {
        Ok(Self {
            loaded: with_tables(self.loaded.reload()?),
            watchers: Arc::clone(&self.watchers),
            safety: Arc::clone(&self.safety),
            settlers: Arc::clone(&self.settlers),
            departures: Arc::clone(&self.departures),
            tempo: Arc::clone(&self.tempo),
            allowance: Arc::clone(&self.allowance),
            recorded: Arc::clone(&self.recorded),
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
}

/// Reads the tables along with the config, so that the first message need not wait for them.
fn with_tables(loaded: Loaded) -> Arc<Loaded> {
    drop(loaded.generic());
    Arc::new(loaded)
}
