//! What the entrances (socket, pickup) share with the runner's loop: the settings in force,
//! or why there are none; submissions seen lately; messages that are not to be attempted
//! yet; who is here.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::counter::Counter;
use super::ears::Wake;
use super::guests::{Guests, over};
use super::settings::Settings;
use crate::config::Limits;
use crate::spool::tally::Load;
use crate::spool::{MessageId, Spool};
use crate::submit::pickup::{Known, Runner};

/// So many submissions are remembered.
const REMEMBERED: usize = 100_000;

/// The runner as its entrances see it.
#[derive(Debug)]
pub enum Stage {
    /// Nobody can be served yet; why.
    NoConfig(String),
    /// At work.
    Open {
        /// In force.
        settings: Arc<Settings>,
        /// The loop's ear.
        wakes: Sender<Wake>,
    },
}

/// Shared.
#[derive(Debug)]
pub struct Front {
    /// The spool of the machine.
    pub spool: Spool,
    /// Where those wait who ask.
    pub(super) counter: Counter,
    stage: RwLock<Stage>,
    held_back: Mutex<HashSet<MessageId>>,
    seen: Mutex<Seen>,
    /// Who is here, and what they have handed in.
    pub guests: Guests,
    hasher: RandomState,
}

/// Submissions by uid and token.
#[derive(Debug, Default)]
struct Seen {
    tokens: HashMap<u64, Option<MessageId>>,
    order: VecDeque<u64>,
}

/// What became of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Nobody has it: it is reserved now.
    Fresh,
    /// Its message is stored under this id.
    Stored(MessageId),
    /// It is being stored.
    BeingStored,
}

impl Front {
    /// With no config yet.
    #[must_use]
    pub fn new(spool: Spool, why: String) -> Self {
        Self {
            spool,
            counter: Counter::default(),
            stage: RwLock::new(Stage::NoConfig(why)),
            held_back: Mutex::default(),
            seen: Mutex::default(),
            guests: Guests::default(),
            hasher: RandomState::new(),
        }
    }

    /// The settings in force, or why there are none.
    pub fn settings(&self) -> Result<Arc<Settings>, String> {
        match &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::NoConfig(why) => Err(why.clone()),
            Stage::Open { settings, .. } => Ok(Arc::clone(settings)),
        }
    }

    /// What one user may have, also where nobody can say.
    pub fn limits(&self) -> Limits {
        self.settings().map_or_else(|_| Limits::default(), |settings| settings.config.limits)
    }

    /// Changes the stage.
    pub fn set(&self, stage: Stage) {
        *self.stage.write().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// New settings are in force.
    pub fn adopt(&self, new: &Arc<Settings>) {
        if let Stage::Open { settings, .. } = &mut *self.stage.write().unwrap_or_else(PoisonError::into_inner) {
            *settings = Arc::clone(new);
        }
    }

    /// Tells the loop, if there is one.
    pub fn wake(&self, wake: Wake) {
        if let Stage::Open { wakes, .. } = &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            // A loop that has ended takes stock when it begins again.
            let _ = wakes.send(wake);
        }
    }

    /// Whether the message may not be attempted yet.
    pub fn is_held_back(&self, id: &MessageId) -> bool {
        lock(&self.held_back).contains(id)
    }

    /// The message may be attempted.
    pub fn let_go(&self, id: &MessageId) {
        lock(&self.held_back).remove(id);
        self.wake(Wake::Queued(id.clone()));
    }

    /// Lets all go that are held back: whatever became of them, their turn is over.
    pub fn let_all_go(&self) {
        let ids: Vec<MessageId> = lock(&self.held_back).drain().collect();
        for id in ids {
            self.wake(Wake::Queued(id));
        }
    }

    /// Reserves a token for its uid, or says whose it is.
    pub fn reserve(&self, uid: u32, token: &str) -> Token {
        let key = self.hasher.hash_one((uid, token));
        let mut seen = lock(&self.seen);
        match seen.tokens.get(&key) {
            Some(Some(id)) => return Token::Stored(id.clone()),
            Some(None) => return Token::BeingStored,
            None => {}
        }
        seen.tokens.insert(key, None);
        seen.order.push_back(key);
        if seen.order.len() > REMEMBERED
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.tokens.remove(&oldest);
        }
        Token::Fresh
    }

    /// The token's message is stored, or is not and may come again.
    pub fn settle(&self, uid: u32, token: &str, id: Option<&MessageId>) {
        let key = self.hasher.hash_one((uid, token));
        let mut seen = lock(&self.seen);
        match id {
            Some(id) => drop(seen.tokens.insert(key, Some(id.clone()))),
            None => drop(seen.tokens.remove(&key)),
        }
    }

    /// A message of the queue was read: its token is known.
    pub fn remember(&self, uid: u32, token: &str, id: &MessageId) {
        if self.reserve(uid, token) == Token::Fresh {
            self.settle(uid, token, Some(id));
        }
    }

    /// What this user has waiting.
    pub fn load_of(&self, uid: u32) -> Load {
        self.settings().map_or_else(|_| self.spool.load_of(uid), |settings| settings.spool.load_of(uid))
    }
}

impl Runner for Front {
    fn known(&self, uid: u32, token: &str) -> Known {
        let key = self.hasher.hash_one((uid, token));
        match lock(&self.seen).tokens.get(&key) {
            None => Known::No,
            Some(None) => Known::InHand,
            Some(Some(_)) => Known::Stored,
        }
    }

    fn may_have(&self, uid: u32, octets: u64) -> Result<(), String> {
        let limits = self.limits();
        let load = self.load_of(uid);
        match over(load, octets, &limits) {
            Some(refusal) if uid != 0 => Err(refusal.said_to(uid)),
            _ => Ok(()),
        }
    }

    fn hold_back(&self, id: &MessageId) {
        lock(&self.held_back).insert(id.clone());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn front() -> (tempfile::TempDir, Front) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        (dir, Front::new(spool, String::new()))
    }

    #[test]
    fn a_token_is_one_uids_and_once() {
        let (_dir, front) = front();
        let id = MessageId::new(1, 2);
        assert_eq!(front.reserve(1000, "T"), Token::Fresh);
        assert_eq!(front.reserve(1000, "T"), Token::BeingStored);
        assert_eq!(front.reserve(1001, "T"), Token::Fresh);
        front.settle(1000, "T", Some(&id));
        assert_eq!(front.reserve(1000, "T"), Token::Stored(id));
        front.settle(1001, "T", None);
        assert_eq!(front.reserve(1001, "T"), Token::Fresh);
    }
}
