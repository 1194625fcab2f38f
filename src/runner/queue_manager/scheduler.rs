//! Which message is attempted when, and through which account. A plain data structure: times are arguments, and
//! nothing here waits or does I/O.
//!
//! A message is in one of three states. *Waiting*: its next attempt is due later; `waiting` sorts these by time.
//! *Ready*: it is due and is in the round robin of its account. *Active*: a session is working on it. [`promote_due`]
//! moves messages from waiting to ready, [`take_next`] from ready to active, [`requeue`] back to waiting.
//!
//! A ready message that leaves or changes its account stays in the round robin, because searching for it would take
//! time proportional to the queue. So `take_next` skips an id unless the message's entry says that it is ready and
//! belongs to this account, and `AccountQueue::ready` counts only those.
//!
//! [`promote_due`]: Scheduler::promote_due
//! [`take_next`]: Scheduler::take_next
//! [`requeue`]: Scheduler::requeue

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::account_queue::{AccountQueue, Backoff, Probe, later};
use super::round_robin::Origin;
use crate::spool::MessageId;
use crate::spool::account_health::Trouble;

/// An account's messages and sessions, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountFigures {
    /// Due later.
    pub waiting: usize,
    /// Due.
    pub ready: usize,
    /// In a session.
    pub active: usize,
    /// Open sessions.
    pub sessions: usize,
    /// Microseconds since the epoch, when the oldest arrived.
    pub oldest: Option<u64>,
}

/// How long a refused session limits the account.
const SESSION_LIMIT: Duration = Duration::from_hours(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryState {
    Waiting(Timestamp),
    Ready,
    Active,
}

#[derive(Debug)]
struct Entry {
    account: Arc<str>,
    origin: Origin,
    state: EntryState,
    /// An attempt was requested while one was in progress. That one started too early to count as the requested one.
    again: bool,
}

/// All known messages, except held ones and those that only wait for a digest.
///
/// Invariants: `waiting` has exactly the entries in state `Waiting`, at the same time; `AccountQueue::ready` is
/// exactly the number of entries of that account in state `Ready`, and each of these is in the account's round robin
/// at least once. `startable` and `take_next` rely on the last one: if `ready` counted a message that `take_next`
/// cannot find, `start_sessions` would ask for the same account forever.
#[derive(Debug, Default)]
pub struct Scheduler {
    entries: HashMap<MessageId, Entry>,
    waiting: BTreeSet<(Timestamp, MessageId)>,
    accounts: HashMap<Arc<str>, AccountQueue>,
}

impl Scheduler {
    /// The numbers of each account, by name.
    #[must_use]
    pub fn figures(&self) -> Vec<(String, AccountFigures)> {
        let of_account = |(name, queue): (&Arc<str>, &AccountQueue)| {
            (name.to_string(), AccountFigures { sessions: queue.sessions, ..AccountFigures::default() })
        };
        let mut figures: BTreeMap<String, AccountFigures> = self.accounts.iter().map(of_account).collect();
        for (id, entry) in &self.entries {
            // Most have one of a few accounts, whose names need no copy.
            let known = match figures.get_mut(&*entry.account) {
                Some(known) => known,
                None => figures.entry(entry.account.to_string()).or_default(),
            };
            match entry.state {
                EntryState::Waiting(_) => known.waiting += 1,
                EntryState::Ready => known.ready += 1,
                EntryState::Active => known.active += 1,
            }
            known.oldest = Some(known.oldest.map_or(id.micros(), |oldest| oldest.min(id.micros())));
        }
        figures.into_iter().collect()
    }

    /// Whether the message is known.
    #[must_use]
    pub fn contains(&self, id: &MessageId) -> bool {
        self.entries.contains_key(id)
    }

    /// Number of known messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no message is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The ids of all messages.
    pub fn ids(&self) -> impl Iterator<Item = &MessageId> {
        self.entries.keys()
    }

    /// The account of a message.
    #[must_use]
    pub fn account_of(&self, id: &MessageId) -> Option<&str> {
        self.entries.get(id).map(|entry| &*entry.account)
    }

    /// Whether a session is working on the message.
    #[must_use]
    pub fn is_active(&self, id: &MessageId) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.state == EntryState::Active)
    }

    /// The messages that sessions are working on.
    #[must_use]
    pub fn active(&self) -> Vec<&MessageId> {
        self.entries.iter().filter(|(_, entry)| entry.state == EntryState::Active).map(|(id, _)| id).collect()
    }

    /// The messages that no session is working on.
    #[must_use]
    pub fn idle(&self) -> Vec<MessageId> {
        self.entries.iter().filter(|(_, entry)| entry.state != EntryState::Active).map(|(id, _)| id.clone()).collect()
    }

    /// The idle messages of an account.
    #[must_use]
    pub fn idle_of(&self, account: &str) -> Vec<MessageId> {
        let is_idle = |entry: &Entry| entry.state != EntryState::Active && *entry.account == *account;
        self.entries.iter().filter(|(_, entry)| is_idle(entry)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether a message could be attempted now.
    #[must_use]
    pub fn has_work(&self, now: Timestamp) -> bool {
        let open = |queue: &AccountQueue| queue.ready > 0 && queue.backoff.is_none_or(|backoff| backoff.until <= now);
        self.waiting.first().is_some_and(|(due, _)| *due <= now) || self.accounts.values().any(open)
    }

    /// Adds a message that is due at `due`. A known message is not changed.
    pub fn add(&mut self, id: MessageId, account: &str, origin: Origin, due: Timestamp) {
        if self.contains(&id) {
            return;
        }
        let account = self.name(account);
        self.waiting.insert((due, id.clone()));
        self.entries.insert(id, Entry { account, origin, state: EntryState::Waiting(due), again: false });
    }

    /// Removes a message.
    pub fn remove(&mut self, id: &MessageId) {
        if let Some(entry) = self.take_out(id) {
            self.queue(&entry.account).suspects.remove(id);
        }
    }

    /// Makes the message wait until `due`, for this account.
    pub fn requeue(&mut self, id: &MessageId, account: &str, due: Timestamp) {
        if let Some(entry) = self.take_out(id) {
            self.add(id.clone(), account, entry.origin, due);
        }
    }

    /// Removals and changes of account go through here, which keeps `ready` and `waiting` right. What is left in the
    /// round robin is skipped later.
    fn take_out(&mut self, id: &MessageId) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        match entry.state {
            EntryState::Waiting(due) => {
                self.waiting.remove(&(due, id.clone()));
            }
            EntryState::Ready => {
                let queue = self.queue(&entry.account);
                queue.ready = queue.ready.saturating_sub(1);
            }
            EntryState::Active => {}
        }
        Some(entry)
    }

    /// Makes a waiting message due now. An active message is attempted again after the current attempt.
    ///
    /// A ready message keeps its turn: asking for it must not let one sender overtake the others.
    pub fn make_due(&mut self, id: &MessageId, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        match entry.state {
            EntryState::Waiting(due) => {
                self.waiting.remove(&(due, id.clone()));
                self.waiting.insert((now, id.clone()));
                entry.state = EntryState::Waiting(now);
            }
            EntryState::Ready => {}
            EntryState::Active => entry.again = true,
        }
    }

    /// Everything that is being attempted is attempted again afterwards, if it still waits then.
    pub fn want_active_again(&mut self) {
        let active = self.entries.values_mut().filter(|entry| matches!(entry.state, EntryState::Active));
        active.for_each(|entry| entry.again = true);
    }

    /// Whether a further attempt was asked for during the one that has just ended.
    #[must_use]
    pub fn wants_another_attempt(&self, id: &MessageId) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.again)
    }

    /// Moves due messages to the round robin of their account.
    pub fn promote_due(&mut self, now: Timestamp) {
        self.accounts.values_mut().for_each(|queue| queue.end_slow_probe(now));
        while self.waiting.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, id)) = self.waiting.pop_first() else { return };
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.state = EntryState::Ready;
                let (account, origin) = (Arc::clone(&entry.account), entry.origin);
                let queue = self.queue(&account);
                queue.ready += 1;
                if !queue.suspects.contains(&id) {
                    queue.end_early();
                }
                queue.round_robin.push(origin, id);
            }
        }
    }

    /// The account's next message, which becomes active; `None` while the account backs off.
    ///
    /// The id may be listed more than once, if it was taken out while it was ready and added again. The first place
    /// makes it active and the others are skipped; at worst the message goes a turn early.
    pub fn take_next(&mut self, account: &str, now: Timestamp) -> Option<MessageId> {
        let queue = self.accounts.get_mut(account)?;
        if queue.backoff.is_some_and(|backoff| backoff.until > now) {
            return None;
        }
        let mut passed_over = Vec::new();
        let mut next = None;
        while let Some(id) = queue.round_robin.pop() {
            let is_here = |entry: &&Entry| entry.state == EntryState::Ready && *entry.account == *account;
            let Some(entry) = self.entries.get(&id).filter(is_here) else { continue };
            if !queue.suspects.contains(&id) {
                next = Some(id);
                break;
            }
            passed_over.push((entry.origin, id));
        }
        let mut passed_over = passed_over.into_iter();
        // Where there are only suspects, the one that was tried longest ago.
        let next = next.or_else(|| passed_over.next().map(|(_, id)| id));
        passed_over.for_each(|(origin, id)| queue.round_robin.push(origin, id));
        let entry = self.entries.get_mut(next.as_ref()?)?;
        entry.state = EntryState::Active;
        queue.ready = queue.ready.saturating_sub(1);
        next
    }

    /// The accounts that should open another session now; `most` is the limit of each. An account that failed before,
    /// or has not delivered anything yet, is probed by a single session: providers lock accounts after a few wrong
    /// passwords. One that has logged in and then takes long is no probe any more.
    ///
    /// `proven` is about this runner, not the account's past: after a restart the password may have changed, so the
    /// server must answer a first transaction before parallel sessions open. Until then five sessions with a wrong
    /// password would count as five wrong logins.
    pub fn startable(&self, now: Timestamp, most: impl Fn(&str) -> usize) -> Vec<String> {
        let may_start = |name: &str, queue: &AccountQueue| {
            let backs_off = queue.backoff.is_some_and(|backoff| backoff.until > now);
            let most = if queue.is_probed() { 1 } else { queue.limited(most(name), now) };
            !backs_off && queue.ready > 0 && queue.sessions < most
        };
        self.accounts.iter().filter(|(name, queue)| may_start(name, queue)).map(|(name, _)| name.to_string()).collect()
    }

    /// A session of the account started.
    pub fn session_started(&mut self, account: &str) {
        self.queue(account).sessions += 1;
    }

    /// A session of the account is open, and logged in if the account has a login.
    pub fn session_opened(&mut self, account: &str, now: Timestamp) {
        self.queue(account).session_opened(now);
    }

    /// A session of the account ended.
    pub fn session_ended(&mut self, account: &str) {
        let queue = self.queue(account);
        queue.sessions = queue.sessions.saturating_sub(1);
        if queue.sessions == 0 {
            queue.probe = Probe::NotOpen;
        }
    }

    /// The provider refused the account's latest session, which was begun beside so many others. If any are open, or were
    /// then, their number becomes the limit for an hour, and this returns true.
    ///
    /// The hour lets the account return to `max_connections` by itself, since the provider may have counted
    /// connections that have ended by now. Without other sessions the refusal says nothing about their number, and is
    /// relay trouble.
    pub fn limit_sessions(&mut self, account: &str, beside: usize, now: Timestamp) -> bool {
        let queue = self.queue(account);
        let others = queue.sessions.saturating_sub(1).max(beside);
        if others > 0 {
            queue.limit = Some((others, later(now, SESSION_LIMIT)));
        }
        others > 0
    }

    /// Whether the account has more sessions than the provider allows.
    ///
    /// Asked when a worker has finished its message. The refused session still counts itself, so that it is the one to
    /// end, and the working ones go on.
    #[must_use]
    pub fn has_too_many_sessions(&self, account: &str, now: Timestamp) -> bool {
        self.accounts.get(account).is_some_and(|queue| queue.sessions > queue.limited(usize::MAX, now))
    }

    /// The account backs off, after this many consecutive failures.
    ///
    /// A session that is already open is not ended by this. Its worker gets no further message from `take_next`, and
    /// retires. Returns until when: a message that may probe early may be there already.
    pub fn back_off(&mut self, account: &str, backoff: Backoff, failures: u32) -> Timestamp {
        let queue = self.queue(account);
        // A server that takes no session at all, such as one that is started again, says nothing of their number.
        if backoff.trouble == Trouble::Relay {
            queue.limit = None;
        }
        (queue.backoff, queue.failures, queue.probe) = (Some(backoff), failures, Probe::NotOpen);
        if self.has_unsuspected(account) {
            self.queue(account).end_early();
        }
        self.backoff_of(account).map_or(backoff.until, |backoff| backoff.until)
    }

    /// The account's trouble was met in the transaction of this message. Until the account works, others go first.
    pub fn suspect(&mut self, account: &str, id: &MessageId) {
        self.queue(account).suspects.insert(id.clone());
    }

    /// Whether a message is ready that has not met the account's trouble.
    fn has_unsuspected(&self, account: &str) -> bool {
        let Some(queue) = self.accounts.get(account) else { return false };
        let is_ready_here = |id: &&MessageId| {
            self.entries.get(*id).is_some_and(|entry| entry.state == EntryState::Ready && *entry.account == *account)
        };
        queue.ready > queue.suspects.iter().filter(is_ready_here).count()
    }

    /// The account's consecutive failures.
    #[must_use]
    pub fn failures(&self, account: &str) -> u32 {
        self.accounts.get(account).map_or(0, |queue| queue.failures)
    }

    /// Until when the account backs off, and why. The time may have passed.
    #[must_use]
    pub fn backoff_of(&self, account: &str) -> Option<Backoff> {
        self.accounts.get(account).and_then(|queue| queue.backoff)
    }

    /// The account works. Returns whether it had failed before.
    pub fn recover(&mut self, account: &str) -> bool {
        let queue = self.queue(account);
        queue.charged = None;
        queue.suspects.clear();
        queue.backoff = None;
        (queue.proven, queue.probe) = (true, Probe::NotOpen);
        std::mem::take(&mut queue.failures) > 0
    }

    /// Ends the account's backoff, as a flush does. Its next session is still a probe.
    pub fn end_backoff(&mut self, account: &str) {
        self.queue(account).backoff = None;
    }

    /// Records that the connection was lost inside this message's transaction. Returns whether that also happened to
    /// a different message just before: then the relay is to blame. A single message may trigger a bug in the relay
    /// and must not stop the others.
    pub fn charge(&mut self, account: &str, id: &MessageId) -> bool {
        let before = self.queue(account).charged.replace(id.clone());
        before.is_some_and(|before| before != *id)
    }

    /// The next time at which a message is due, or a backoff ends for an account with ready messages.
    ///
    /// A backoff matters only where messages wait for it. With a session open it need not be counted: that worker's
    /// report wakes the loop, and when its session has ended this is computed again.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let sessions = self.accounts.values().filter_map(AccountQueue::next_session);
        sessions.chain(self.waiting.first().map(|(due, _)| *due)).min()
    }

    fn queue(&mut self, account: &str) -> &mut AccountQueue {
        let account = self.name(account);
        self.accounts.entry(account).or_default()
    }

    /// The account's name, shared by all its messages.
    fn name(&mut self, account: &str) -> Arc<str> {
        if let Some((name, _)) = self.accounts.get_key_value(account) {
            return Arc::clone(name);
        }
        let name: Arc<str> = account.into();
        self.accounts.insert(Arc::clone(&name), AccountQueue::default());
        name
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
