//! What the postmaster is told of held mail: of the first message of a submitter and account at once, of further ones an
//! hour later in one list (spool/held.json). A user may have thousands of messages held in a minute.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::log;
use crate::mail::submitter::Submitter;
use crate::spool::clock::Clock;
use crate::spool::{MessageId, Spool, state_file};

const NAME: &str = "held.json";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// A list names no more messages than this; `queue list` has all.
const LISTED: usize = 20;

/// How the postmaster is told of a held message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notification {
    /// By a notice of its own.
    AtOnce,
    /// In the list at the end of the hour.
    InList,
}

/// What was held of one submitter for one account since the last notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldMail {
    /// The last notice.
    pub since: Timestamp,
    /// Whose mail it is.
    pub submitter: Submitter,
    /// Their login, or the client's name, as it was then.
    pub login: String,
    /// The account that is not theirs.
    pub account: String,
    /// How many were held without a notice.
    pub count: u64,
    /// The first of these.
    pub listed: Vec<MessageId>,
}

impl HeldMail {
    fn key(&self) -> String {
        format!("{} {}", self.submitter, self.account)
    }

    /// Until the list is due; nothing where the clock says that the hour has not begun.
    fn is_over(&self, now: Timestamp) -> bool {
        let past = now.duration_since(self.since);
        past >= HOUR || past.is_negative()
    }

    fn add(&mut self, id: &MessageId) {
        // A crash between the notice and the hold has the message held twice.
        if self.listed.contains(id) {
            return;
        }
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(id.clone());
        }
    }
}

/// Held mail by submitter and account, over all sessions and all runners.
#[derive(Debug)]
pub struct HeldNotices {
    spool: Spool,
    clock: Arc<Clock>,
    /// `None` until the file is read.
    hours: Mutex<Option<BTreeMap<String, HeldMail>>>,
}

impl HeldNotices {
    /// Continues with what the last runner gathered.
    #[must_use]
    pub fn new(spool: Spool, clock: Arc<Clock>) -> Self {
        Self { spool, clock, hours: Mutex::default() }
    }

    /// Notes a message that is being held.
    pub fn note(&self, id: &MessageId, submitter: &Submitter, login: &str, account: &str) -> Notification {
        self.with(|hours| {
            // Read under the lock: another session may have begun an hour just now.
            let now = self.clock.now();
            let hour = HeldMail {
                since: now,
                submitter: submitter.clone(),
                login: login.to_owned(),
                account: account.to_owned(),
                count: 0,
                listed: Vec::new(),
            };
            let key = hour.key();
            let told = match hours.get_mut(&key) {
                // A list that is due goes out in the next turn of the event loop, and this message is in it.
                Some(known) if !known.is_over(now) || known.count > 0 => {
                    known.add(id);
                    Notification::InList
                }
                _ => {
                    hours.insert(key, hour);
                    Notification::AtOnce
                }
            };
            self.keep(hours);
            told
        })
    }

    /// When the next list is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.with(|hours| {
            let waiting = hours.values().filter(|hour| hour.count > 0);
            waiting.filter_map(|hour| hour.since.saturating_add(HOUR).ok()).min()
        })
    }

    /// Takes what is to be listed now, and begins an hour in which the list counts as the notice. The file keeps it until
    /// [`Self::listed`].
    pub fn take_due(&self, now: Timestamp) -> Vec<HeldMail> {
        self.with(|hours| {
            hours.retain(|_, hour| hour.count > 0 || !hour.is_over(now));
            let due = hours.values_mut().filter(|hour| hour.count > 0 && hour.is_over(now));
            due.map(|hour| {
                let begun = HeldMail { since: now, count: 0, listed: Vec::new(), ..hour.clone() };
                std::mem::replace(hour, begun)
            })
            .collect()
        })
    }

    /// The lists are stored.
    pub fn listed(&self) {
        self.with(|hours| self.keep(hours));
    }

    /// Puts back what could not be stored; it is due again an hour later.
    pub fn put_back(&self, unsent: HeldMail) {
        self.with(|hours| {
            let hour = hours.entry(unsent.key()).or_insert_with(|| HeldMail {
                since: self.clock.now(),
                count: 0,
                listed: Vec::new(),
                ..unsent.clone()
            });
            hour.count += unsent.count;
            hour.listed.splice(0..0, unsent.listed);
            hour.listed.truncate(LISTED);
        });
    }

    /// Written under the lock: two sessions that note at once must not write in the other order. If it cannot be written,
    /// the hours hold in this runner and begin again in the next.
    fn keep(&self, hours: &BTreeMap<String, HeldMail>) {
        if let Err(error) = state_file::write(&self.spool, NAME, hours) {
            log::warning(error);
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, HeldMail>) -> T) -> T {
        let mut hours = self.hours.lock();
        act(hours.get_or_insert_with(|| state_file::read(&self.spool, NAME).unwrap_or_default()))
    }
}
