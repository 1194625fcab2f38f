//! alarms.json in the state directory: the trouble that people were told of, and by which channels. The next runner and
//! `postrider status --alarm` continue with it, so that neither a restart nor a second process raises an alarm again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::SpoolError;
use super::state_dir::StateDir;

const NAME: &str = "alarms.json";
const LOCK: &str = "alarms.lock";

/// What is wrong, as people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What it is about, by the names of postrider-formats(5).
    pub kind: String,
    /// The account, if it is about one.
    pub account: Option<String>,
    /// What tells it from others of its kind. It may be an address and is not told.
    pub subject: Option<String>,
    /// Messages.
    pub count: Option<usize>,
    /// When it began, or was first seen.
    pub since: Timestamp,
    /// The cause.
    pub text: String,
    /// What to do.
    pub cure: String,
}

impl Condition {
    /// Two conditions with the same key are one outage, whatever their texts.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.kind, self.subject.as_deref().unwrap_or_default())
    }
}

/// A way by which people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The `command`.
    Command,
    /// The `url`.
    Url,
}

/// A condition from its beginning to the time when its end was announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmOutage {
    /// As it was last seen.
    pub condition: Condition,
    /// Where its beginning was announced.
    #[serde(default)]
    pub raised: Vec<Channel>,
    /// When it was first seen to be over.
    pub ended: Option<Timestamp>,
    /// Where its end was announced.
    #[serde(default)]
    pub over: Vec<Channel>,
}

/// How often in a row the web address did not accept an alarm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Failures.
    pub failures: u32,
    /// The next attempt.
    pub next: Option<Timestamp>,
}

impl Retry {
    /// A server that does not answer is asked again after this time, doubled with each failure.
    const FIRST: SignedDuration = SignedDuration::from_mins(1);
    /// At most.
    const LAST: SignedDuration = SignedDuration::from_hours(1);

    /// It failed once more.
    pub fn failed(&mut self, now: Timestamp) {
        let wait = Self::FIRST.checked_mul(1 << self.failures.min(10)).unwrap_or(Self::LAST).min(Self::LAST);
        self.failures = self.failures.saturating_add(1);
        self.next = now.checked_add(wait).ok();
    }

    /// Whether it may be asked now.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next.is_none_or(|next| next <= now)
    }
}

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmState {
    /// By their keys.
    #[serde(default)]
    pub outages: BTreeMap<String, AlarmOutage>,
    /// Of the web address.
    #[serde(default)]
    pub retry: Retry,
    /// When the heartbeat was last accepted.
    #[serde(default)]
    pub heartbeat: Option<Timestamp>,
    /// Of the heartbeat.
    #[serde(default)]
    pub heartbeat_retry: Retry,
}

/// The file, opened by the only process that raises alarms now.
#[derive(Debug)]
pub struct AlarmStore {
    dir: StateDir,
    _lock: File,
    on_disk: AlarmState,
    /// As it is now.
    pub state: AlarmState,
}

impl AlarmStore {
    /// Opens it in this state directory; `None` while another process is raising alarms.
    ///
    /// A file that cannot be read is as good as none: alarms are repeated rather than lost.
    pub fn open(state_dir: &Path) -> Result<Option<Self>, SpoolError> {
        let dir = StateDir::open(state_dir)?;
        let path = dir.file(LOCK);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&path).map_err(SpoolError::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(SpoolError::io("lock", path)(error)),
        }
        let on_disk: AlarmState =
            dir.read(NAME)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Ok(Some(Self { dir, _lock: lock, state: on_disk.clone(), on_disk }))
    }

    /// Stores it where it has changed.
    pub fn keep(&mut self) -> Result<(), SpoolError> {
        if self.state == self.on_disk {
            return Ok(());
        }
        let path = self.dir.file(NAME);
        let bytes = serde_json::to_vec(&self.state).map_err(|error| SpoolError::io("write", &path)(error.into()))?;
        self.dir.write(NAME, &bytes)?;
        self.on_disk.clone_from(&self.state);
        Ok(())
    }
}
