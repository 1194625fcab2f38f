//! Which message is tried when, and over which account's sessions: a plain data
//! structure. Times are handed in; it never waits and never does I/O.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::round_robin::{Origin, Turns};

use crate::spool::MessageId;
use crate::spool::account_health::Trouble;

/// Why an account rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// Until then.
    pub until: Timestamp,
    /// Kind of trouble.
    pub trouble: Trouble,
}

/// One account's messages and sessions.
#[derive(Debug, Default)]
struct AccountQueue {
    /// Who is next; an id in it may have left or moved meanwhile, which its slot tells.
    turns: Turns,
    /// Messages that are ready indeed.
    ready: usize,
    sessions: usize,
    rest: Option<Rest>,
    failures: u32,
    charged: Option<MessageId>,
    /// A message went through in this runner's life.
    proven: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting(Timestamp),
    Ready,
    Active,
}

#[derive(Debug)]
struct Entry {
    account: Arc<str>,
    origin: Origin,
    place: Place,
    /// Somebody asked for an attempt while one was under way: it began before, so it does not count.
    again: bool,
}

/// All messages this runner knows.
#[derive(Debug, Default)]
pub struct Schedule {
    slots: HashMap<MessageId, Entry>,
    waiting: BTreeSet<(Timestamp, MessageId)>,
    lanes: HashMap<Arc<str>, AccountQueue>,
}

impl Schedule {
    /// Whether the message is known.
    #[must_use]
    pub fn knows(&self, id: &MessageId) -> bool {
        self.slots.contains_key(id)
    }

    /// Messages known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Ids of all messages.
    pub fn ids(&self) -> impl Iterator<Item = &MessageId> {
        self.slots.keys()
    }

    /// The account of a message.
    #[must_use]
    pub fn account_of(&self, id: &MessageId) -> Option<&str> {
        self.slots.get(id).map(|slot| &*slot.account)
    }

    /// Whether a session works on the message.
    #[must_use]
    pub fn is_active(&self, id: &MessageId) -> bool {
        self.slots.get(id).is_some_and(|slot| slot.place == Place::Active)
    }

    /// All messages that a session works on.
    #[must_use]
    pub fn active(&self) -> Vec<&MessageId> {
        self.slots.iter().filter(|(_, slot)| slot.place == Place::Active).map(|(id, _)| id).collect()
    }

    /// All messages that no session works on.
    #[must_use]
    pub fn idle(&self) -> Vec<MessageId> {
        self.slots.iter().filter(|(_, slot)| slot.place != Place::Active).map(|(id, _)| id.clone()).collect()
    }

    /// The idle messages of an account.
    #[must_use]
    pub fn idle_of(&self, account: &str) -> Vec<MessageId> {
        let is_idle = |slot: &Entry| slot.place != Place::Active && *slot.account == *account;
        self.slots.iter().filter(|(_, slot)| is_idle(slot)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether something could be tried now.
    #[must_use]
    pub fn has_work(&self, now: Timestamp) -> bool {
        let open = |lane: &AccountQueue| lane.ready > 0 && lane.rest.is_none_or(|rest| rest.until <= now);
        self.waiting.first().is_some_and(|(due, _)| *due <= now) || self.lanes.values().any(open)
    }

    /// Takes a message in, due at `due`. A known one is left as it is.
    pub fn add(&mut self, id: MessageId, account: &str, origin: Origin, due: Timestamp) {
        if self.knows(&id) {
            return;
        }
        let account = self.name(account);
        self.waiting.insert((due, id.clone()));
        self.slots.insert(id, Entry { account, origin, place: Place::Waiting(due), again: false });
    }

    /// Forgets a message that has left.
    pub fn forget(&mut self, id: &MessageId) {
        self.take_out(id);
    }

    /// Puts an active message back, to be tried at `due` through `account`.
    pub fn put_back(&mut self, id: &MessageId, account: &str, due: Timestamp) {
        if let Some(slot) = self.take_out(id) {
            self.add(id.clone(), account, slot.origin, due);
        }
    }

    fn take_out(&mut self, id: &MessageId) -> Option<Entry> {
        let slot = self.slots.remove(id)?;
        match slot.place {
            Place::Waiting(due) => {
                self.waiting.remove(&(due, id.clone()));
            }
            // Its turn comes and finds nobody: looking for it in the line would take long.
            Place::Ready => {
                let lane = self.lane(&slot.account);
                lane.ready = lane.ready.saturating_sub(1);
            }
            Place::Active => {}
        }
        Some(slot)
    }

    /// Makes a waiting message due now; one that is being attempted is attempted again.
    pub fn hurry(&mut self, id: &MessageId, now: Timestamp) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        match slot.place {
            Place::Waiting(due) => {
                self.waiting.remove(&(due, id.clone()));
                self.waiting.insert((now, id.clone()));
                slot.place = Place::Waiting(now);
            }
            Place::Ready => {}
            Place::Active => slot.again = true,
        }
    }

    /// Whether a further attempt was asked for during the one that has just ended.
    #[must_use]
    pub fn is_wanted_again(&self, id: &MessageId) -> bool {
        self.slots.get(id).is_some_and(|slot| slot.again)
    }

    /// Moves what is due to its account's line.
    pub fn wake(&mut self, now: Timestamp) {
        while self.waiting.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, id)) = self.waiting.pop_first() else { return };
            if let Some(slot) = self.slots.get_mut(&id) {
                slot.place = Place::Ready;
                let (account, origin) = (Arc::clone(&slot.account), slot.origin);
                let lane = self.lane(&account);
                lane.ready += 1;
                lane.turns.push(origin, id);
            }
        }
    }

    /// The next message of this account, which becomes active.
    pub fn take(&mut self, account: &str, now: Timestamp) -> Option<MessageId> {
        let lane = self.lanes.get_mut(account)?;
        if lane.rest.is_some_and(|rest| rest.until > now) {
            return None;
        }
        while let Some(id) = lane.turns.pop() {
            let slot = self.slots.get_mut(&id).filter(|slot| slot.place == Place::Ready && *slot.account == *account);
            if let Some(slot) = slot {
                slot.place = Place::Active;
                lane.ready = lane.ready.saturating_sub(1);
                return Some(id);
            }
        }
        None
    }

    /// Accounts for which a further session should be opened now. An account that was in trouble, or of
    /// which nothing is known yet, is probed by one session only: each try of a wrong password counts.
    pub fn startable(&self, now: Timestamp, most: impl Fn(&str) -> usize) -> Vec<String> {
        let may_start = |name: &str, lane: &AccountQueue| {
            let resting = lane.rest.is_some_and(|rest| rest.until > now);
            let most = if lane.failures > 0 || !lane.proven { 1 } else { most(name) };
            !resting && lane.ready > 0 && lane.sessions < most
        };
        self.lanes.iter().filter(|(name, lane)| may_start(name, lane)).map(|(name, _)| name.to_string()).collect()
    }

    /// A session of the account was started.
    pub fn session_started(&mut self, account: &str) {
        self.lane(account).sessions += 1;
    }

    /// A session of the account has ended.
    pub fn session_ended(&mut self, account: &str) {
        let lane = self.lane(account);
        lane.sessions = lane.sessions.saturating_sub(1);
    }

    /// The account is in trouble until then. Returns the failures in a row.
    pub fn rest(&mut self, account: &str, rest: Rest, failures: u32) {
        let lane = self.lane(account);
        lane.rest = Some(rest);
        lane.failures = failures;
    }

    /// Failures in a row of the account.
    #[must_use]
    pub fn failures(&self, account: &str) -> u32 {
        self.lanes.get(account).map_or(0, |lane| lane.failures)
    }

    /// Why and until when the account rests.
    #[must_use]
    pub fn resting(&self, account: &str) -> Option<Rest> {
        self.lanes.get(account).and_then(|lane| lane.rest)
    }

    /// The account works. Says whether it was in trouble before.
    pub fn recover(&mut self, account: &str) -> bool {
        let lane = self.lane(account);
        lane.charged = None;
        lane.rest = None;
        lane.proven = true;
        std::mem::take(&mut lane.failures) > 0
    }

    /// Ends the account's rest, as a flush asks; its next session is still a probe.
    pub fn end_rest(&mut self, account: &str) {
        self.lane(account).rest = None;
    }

    /// A connection ended inside this message's transaction. Says whether another message's did just
    /// before, so that the relay is to blame and not the message.
    pub fn charge(&mut self, account: &str, id: &MessageId) -> bool {
        let before = self.lane(account).charged.replace(id.clone());
        before.is_some_and(|before| before != *id)
    }

    /// When something has to be done next, if nothing happens before.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let rests = self.lanes.values().filter(|lane| lane.ready > 0 && lane.sessions == 0);
        let rest = rests.filter_map(|lane| lane.rest.map(|rest| rest.until)).min();
        let waiting = self.waiting.first().map(|(due, _)| *due);
        match (rest, waiting) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn lane(&mut self, account: &str) -> &mut AccountQueue {
        let account = self.name(account);
        self.lanes.entry(account).or_default()
    }

    /// The account's name, kept once for all of its messages.
    fn name(&mut self, account: &str) -> Arc<str> {
        if let Some((name, _)) = self.lanes.get_key_value(account) {
            return Arc::clone(name);
        }
        let name: Arc<str> = account.into();
        self.lanes.insert(Arc::clone(&name), AccountQueue::default());
        name
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
