//! What the entrances (socket, pickup) share with the runner's loop: the settings in force,
//! or why there are none; submissions seen lately; messages that are not to be attempted
//! yet.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::ears::Wake;
use super::settings::Settings;
use crate::spool::{MessageId, Spool};
use crate::submit::pickup::{Known, Runner};

/// So many submissions are remembered.
const REMEMBERED: usize = 100_000;

const MINUTE: Duration = Duration::from_mins(1);

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
    stage: RwLock<Stage>,
    held_back: Mutex<HashSet<MessageId>>,
    seen: Mutex<Seen>,
    guests: Mutex<HashMap<u32, Guest>>,
    hasher: RandomState,
}

/// Submissions by uid and token.
#[derive(Debug, Default)]
struct Seen {
    tokens: HashMap<u64, Option<MessageId>>,
    order: VecDeque<u64>,
}

/// One uid's doings.
#[derive(Debug, Default)]
struct Guest {
    connections: u32,
    in_flight: u64,
    lately: VecDeque<Instant>,
}

/// Why somebody is not served now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As many connections as one user, or all together, may have.
    Connections,
    /// As many octets as one user may hand in at once.
    InFlight,
    /// As many messages as one user may hand in a minute.
    PerMinute,
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
            stage: RwLock::new(Stage::NoConfig(why)),
            held_back: Mutex::default(),
            seen: Mutex::default(),
            guests: Mutex::default(),
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

    /// Lets a connection in; `most` is what one uid, and what all together may have.
    pub fn enter(&self, uid: u32, most: u32, altogether: u32) -> Result<(), Refusal> {
        let mut guests = lock(&self.guests);
        let all: u32 = guests.values().map(|guest| guest.connections).sum();
        let guest = guests.entry(uid).or_default();
        // A tenth of the places is root's.
        let full = if uid == 0 { all >= altogether } else { guest.connections >= most || all >= altogether / 10 * 9 };
        if full {
            return Err(Refusal::Connections);
        }
        guest.connections += 1;
        Ok(())
    }

    /// A connection ended, with so many octets of it still counted.
    pub fn leave(&self, uid: u32, octets: u64) {
        let mut guests = lock(&self.guests);
        if let Some(guest) = guests.get_mut(&uid) {
            guest.connections = guest.connections.saturating_sub(1);
            guest.in_flight = guest.in_flight.saturating_sub(octets);
            let is_idle = guest.connections == 0 && guest.lately.back().is_none_or(|last| last.elapsed() > MINUTE);
            if is_idle {
                guests.remove(&uid);
            }
        }
    }

    /// Counts a message.
    pub fn count_message(&self, uid: u32, most: u32) -> Result<(), Refusal> {
        let mut guests = lock(&self.guests);
        let guest = guests.entry(uid).or_default();
        while guest.lately.front().is_some_and(|first| first.elapsed() > MINUTE) {
            guest.lately.pop_front();
        }
        if uid != 0 && guest.lately.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
            return Err(Refusal::PerMinute);
        }
        if uid != 0 {
            guest.lately.push_back(Instant::now());
        }
        Ok(())
    }

    /// Counts octets that come in.
    pub fn count_octets(&self, uid: u32, octets: u64, most: u64) -> Result<(), Refusal> {
        let mut guests = lock(&self.guests);
        let guest = guests.entry(uid).or_default();
        guest.in_flight = guest.in_flight.saturating_add(octets);
        if uid != 0 && guest.in_flight > most { Err(Refusal::InFlight) } else { Ok(()) }
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
    fn one_user_at_his_limits_costs_the_others_nothing() {
        let (_dir, front) = front();
        for _ in 0..3 {
            front.enter(1000, 3, 100).unwrap();
        }
        assert_eq!(front.enter(1000, 3, 100), Err(Refusal::Connections));
        front.enter(1001, 3, 100).unwrap();
        front.leave(1000, 0);
        front.enter(1000, 3, 100).unwrap();
        assert_eq!(front.count_octets(1000, 11, 10), Err(Refusal::InFlight));
        front.count_octets(1001, 10, 10).unwrap();
        for _ in 0..5 {
            front.count_message(1000, 5).unwrap();
            front.count_message(0, 0).unwrap();
        }
        assert_eq!(front.count_message(1000, 5), Err(Refusal::PerMinute));
        front.count_message(1001, 5).unwrap();
    }

    #[test]
    fn a_tenth_of_the_places_is_roots() {
        let (_dir, front) = front();
        for uid in 1..=9 {
            front.enter(uid, 10, 10).unwrap();
        }
        assert_eq!(front.enter(11, 10, 10), Err(Refusal::Connections));
        front.enter(0, 10, 10).unwrap();
        assert_eq!(front.enter(0, 10, 10), Err(Refusal::Connections));
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
