//! Which message is tried when, and over which account's sessions: a plain data
//! structure. Times are handed in; it never waits and never does I/O.

use std::collections::{BTreeSet, HashMap, VecDeque};

use jiff::Timestamp;

use crate::spool::MessageId;
use crate::spool::health::Trouble;

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
struct Lane {
    ready: VecDeque<MessageId>,
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
struct Slot {
    account: String,
    place: Place,
    /// Somebody asked for an attempt while one was under way: it began before, so it does not count.
    again: bool,
}

/// All messages this runner knows.
#[derive(Debug, Default)]
pub struct Schedule {
    slots: HashMap<MessageId, Slot>,
    waiting: BTreeSet<(Timestamp, MessageId)>,
    lanes: HashMap<String, Lane>,
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
        self.slots.get(id).map(|slot| slot.account.as_str())
    }

    /// Whether a session works on the message.
    #[must_use]
    pub fn is_active(&self, id: &MessageId) -> bool {
        self.slots.get(id).is_some_and(|slot| slot.place == Place::Active)
    }

    /// All messages that no session works on.
    #[must_use]
    pub fn idle(&self) -> Vec<MessageId> {
        self.slots.iter().filter(|(_, slot)| slot.place != Place::Active).map(|(id, _)| id.clone()).collect()
    }

    /// Whether something could be tried now.
    #[must_use]
    pub fn has_work(&self, now: Timestamp) -> bool {
        let open = |lane: &Lane| !lane.ready.is_empty() && lane.rest.is_none_or(|rest| rest.until <= now);
        self.waiting.first().is_some_and(|(due, _)| *due <= now) || self.lanes.values().any(open)
    }

    /// Takes a message in, due at `due`. A known one is left as it is.
    pub fn add(&mut self, id: MessageId, account: &str, due: Timestamp) {
        if self.knows(&id) {
            return;
        }
        self.waiting.insert((due, id.clone()));
        self.slots.insert(id, Slot { account: account.to_owned(), place: Place::Waiting(due), again: false });
        self.lanes.entry(account.to_owned()).or_default();
    }

    /// Forgets a message that has left.
    pub fn forget(&mut self, id: &MessageId) {
        let Some(slot) = self.slots.remove(id) else { return };
        match slot.place {
            Place::Waiting(due) => {
                self.waiting.remove(&(due, id.clone()));
            }
            Place::Ready => self.lane(&slot.account).ready.retain(|other| other != id),
            Place::Active => {}
        }
    }

    /// Puts an active message back, to be tried at `due` through `account`.
    pub fn put_back(&mut self, id: &MessageId, account: &str, due: Timestamp) {
        self.forget(id);
        self.add(id.clone(), account, due);
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
        while let Some((due, id)) = self.waiting.first().cloned() {
            if due > now {
                break;
            }
            self.waiting.pop_first();
            if let Some(slot) = self.slots.get_mut(&id) {
                slot.place = Place::Ready;
                let account = slot.account.clone();
                self.lane(&account).ready.push_back(id);
            }
        }
    }

    /// The next message of this account, which becomes active.
    pub fn take(&mut self, account: &str, now: Timestamp) -> Option<MessageId> {
        let lane = self.lanes.get_mut(account)?;
        if lane.rest.is_some_and(|rest| rest.until > now) {
            return None;
        }
        let id = lane.ready.pop_front()?;
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.place = Place::Active;
        }
        Some(id)
    }

    /// Accounts for which a further session should be opened now. An account that is in trouble,
    /// or of which nothing is known yet, is probed by one session: a wrong password is tried once.
    pub fn startable(&self, now: Timestamp, most: impl Fn(&str) -> usize) -> Vec<String> {
        let may_start = |name: &str, lane: &Lane| {
            let resting = lane.rest.is_some_and(|rest| rest.until > now);
            let most = if lane.proven && lane.failures == 0 { most(name) } else { 1 };
            !resting && !lane.ready.is_empty() && lane.sessions < most
        };
        self.lanes.iter().filter(|(name, lane)| may_start(name, lane)).map(|(name, _)| name.clone()).collect()
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
        let rests = self.lanes.values().filter(|lane| !lane.ready.is_empty() && lane.sessions == 0);
        let rest = rests.filter_map(|lane| lane.rest.map(|rest| rest.until)).min();
        let waiting = self.waiting.first().map(|(due, _)| *due);
        match (rest, waiting) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn lane(&mut self, account: &str) -> &mut Lane {
        self.lanes.entry(account.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn id(n: u64) -> MessageId {
        MessageId::new(n, 0)
    }

    fn schedule(messages: &[(u64, &str, i64)]) -> Schedule {
        let mut schedule = Schedule::default();
        for (n, account, due) in messages {
            schedule.add(id(*n), account, at(*due));
        }
        schedule.wake(at(0));
        schedule
    }

    #[test]
    fn what_is_due_is_taken_in_order_and_the_rest_waits() {
        let mut s = schedule(&[(1, "a", 0), (2, "a", 5), (3, "a", -1)]);
        assert_eq!(s.take("a", at(0)), Some(id(3)));
        assert_eq!(s.take("a", at(0)), Some(id(1)));
        assert_eq!(s.take("a", at(0)), None);
        assert_eq!(s.next_wake(), Some(at(5)));
    }

    #[test]
    fn an_account_in_trouble_rests_and_is_then_probed_by_one_session() {
        let mut s = schedule(&[(1, "a", 0), (2, "a", 0), (3, "b", 0)]);
        s.rest("a", Rest { until: at(60), trouble: Trouble::Relay }, 1);
        assert_eq!(s.take("a", at(0)), None);
        assert_eq!(s.startable(at(0), |_| 2), ["b"]);
        s.session_started("b");
        s.take("b", at(0)).unwrap();
        assert_eq!(s.next_wake(), Some(at(60)));
        assert_eq!(s.startable(at(60), |_| 2), ["a"]);
        s.session_started("a");
        assert!(s.startable(at(60), |_| 2).is_empty());
        assert!(s.recover("a"));
        assert_eq!(s.startable(at(60), |_| 2), ["a"]);
    }

    #[test]
    fn an_account_gets_its_second_session_when_the_first_message_went_through() {
        let mut s = schedule(&[(1, "a", 0), (2, "a", 0), (3, "a", 0)]);
        s.session_started("a");
        s.take("a", at(0)).unwrap();
        assert!(s.startable(at(0), |_| 2).is_empty());
        s.recover("a");
        assert_eq!(s.startable(at(0), |_| 2), ["a"]);
    }

    #[test]
    fn only_two_different_messages_in_a_row_blame_the_relay() {
        let mut s = schedule(&[(1, "a", 0), (2, "a", 0)]);
        assert!(!s.charge("a", &id(1)));
        assert!(!s.charge("a", &id(1)));
        assert!(s.charge("a", &id(2)));
        s.recover("a");
        assert!(!s.charge("a", &id(1)));
    }

    #[test]
    fn a_message_put_back_waits_for_its_new_time_behind_the_others() {
        let mut s = schedule(&[(1, "a", 0), (2, "a", 0)]);
        assert_eq!(s.take("a", at(0)), Some(id(1)));
        s.put_back(&id(1), "a", at(60));
        assert_eq!(s.take("a", at(0)), Some(id(2)));
        s.hurry(&id(1), at(1));
        s.wake(at(1));
        assert_eq!(s.take("a", at(1)), Some(id(1)));
        s.forget(&id(1));
        assert_eq!(s.len(), 1);
    }
}
