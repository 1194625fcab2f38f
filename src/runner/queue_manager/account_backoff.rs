//! Accounts with an outage: how long they back off, when they may be probed earlier, who is alerted, and when their
//! mail is set aside. The outages are stored in spool/accounts.json, for mailq, `status` and the next runner.
//!
//! An outage belongs to the account and not to a message: no message is charged an attempt for it, so that a server
//! that is down for a day costs no message its retries. The price is that the account must be probed, and a probe can
//! do harm. Relay trouble is probed at doubling intervals by one message. A rejected login is never repeated before
//! `LOGIN_PAUSE` unless the files that it depends on changed, because providers lock an account after a handful of
//! wrong passwords. Every shortcut below (flush, reload, restart) keeps to that pause.

use std::time::Duration;

use jiff::Timestamp;

use super::account_queue::{Backoff, later};
use super::scheduler::Scheduler;
use crate::config::mailbox::shown_account;
use crate::control::loaded::Loaded;
use crate::log;
use crate::rules::retry;
use crate::runner::completion::alert;
use crate::runner::credential_files::have_changed_since;
use crate::runner::event::{AccountFailure, Met};
use crate::spool::account_health::{self, Health, Outage, Trouble};
use crate::spool::{MessageId, Spool};
use crate::sys::random::chance;

/// An attempt that failed because of its account.
#[derive(Debug)]
pub(super) struct FailedAttempt {
    pub(super) account: String,
    pub(super) failure: AccountFailure,
    /// Start of the attempt, or the time at which its credential was read, by the wall clock.
    pub(super) begun: Timestamp,
}

impl FailedAttempt {
    /// Whether the password or setting that the attempt failed with was changed since. Relay trouble is not solved by
    /// that.
    ///
    /// Such a failure must not start a backoff. The owner has just fixed the password, and would see the account wait
    /// for minutes because of an attempt that began with the old one.
    pub(super) fn is_out_of_date(&self, loaded: &Loaded) -> bool {
        self.failure.trouble.is_owners() && have_changed_since(loaded, &self.account, self.begun)
    }
}

/// The outages of all accounts.
#[derive(Debug)]
pub(super) struct AccountBackoff {
    outages: Health,
}

impl AccountBackoff {
    /// Continues the backoffs of the last runner. A restarted runner must not repeat a login that the server just
    /// rejected.
    pub(super) fn restore(loaded: &Loaded, schedule: &mut Scheduler) -> Self {
        // An account that was removed from the configuration would otherwise be reported as being in trouble forever.
        let mut outages = account_health::read(&loaded.spool);
        let known = outages.len();
        outages.retain(|account, _| loaded.config.account(account).is_some());
        let restored = Self { outages };
        if restored.outages.len() < known {
            restored.write(&loaded.spool);
        }
        let (now, wall) = (loaded.clock.now(), Timestamp::now());
        // The wall clock may have jumped: no backoff is longer than the longest that is ever set.
        let longest = retry::longest_wait(&loaded.config.queue).max(retry::LOGIN_PAUSE);
        for (account, outage) in &restored.outages {
            let wait = if have_changed_since(loaded, account, outage.seen) {
                Duration::ZERO
            } else {
                Duration::try_from(outage.next.duration_since(wall)).unwrap_or_default().min(longest)
            };
            // What the last runner met it by is not known any more.
            let early = early(outage.trouble, outage.failures, now);
            let backoff = Backoff { until: later(now, wait), trouble: outage.trouble, early };
            // The number of failures continues as well: the first session of this runner is then a single probe, and a
            // further failure waits longer than the last one did.
            schedule.back_off(account, backoff, outage.failures);
        }
        restored
    }

    /// The accounts with an outage.
    pub(super) fn accounts(&self) -> Vec<String> {
        self.outages.keys().cloned().collect()
    }

    /// Whether the account has one.
    pub(super) fn has_outage(&self, account: &str) -> bool {
        self.outages.contains_key(account)
    }

    /// The reason of the account's outage; empty without one.
    pub(super) fn reason(&self, account: &str) -> &str {
        self.outages.get(account).map_or("", |outage| &outage.reason)
    }

    /// Ends the account's outage. The next failure starts at the shortest wait again and raises a new alert.
    pub(super) fn recovered(&mut self, account: &str, loaded: &Loaded, schedule: &mut Scheduler) {
        if schedule.recover(account) {
            log::account_well(shown_account(account));
        }
        if self.outages.remove(account).is_some() {
            self.write(&loaded.spool);
        }
    }

    /// Starts a backoff. Returns false if the account is already backing off, because another session just met the
    /// same trouble.
    ///
    /// Sessions of one account run in parallel and lose the server at the same moment. Only the first of them counts:
    /// if each did, five sessions would double the wait five times for a single event. Another kind of trouble does
    /// count, since the wait for a busy server must not hide a rejected password.
    pub(super) fn failed(&mut self, attempt: &FailedAttempt, loaded: &Loaded, schedule: &mut Scheduler) -> bool {
        let FailedAttempt { account, failure, begun } = attempt;
        let AccountFailure { trouble, relay, reason, cure, wait: named, read: _, met } = failure;
        let (trouble, now, wall) = (*trouble, loaded.clock.now(), Timestamp::now());
        if schedule.backoff_of(account).is_some_and(|backoff| backoff.until > now && backoff.trouble == trouble) {
            return false;
        }
        let failures = schedule.failures(account).saturating_add(1);
        let queue = &loaded.config.queue;
        // A time that the server names applies to relay trouble only. The words of a rejected login may name one too,
        // but the pause before the next wrong password must not depend on them.
        let wait = match trouble {
            Trouble::Relay => match named {
                // A server that names a moment again and again is not believed.
                Some(named) if failures > 1 => {
                    retry::probe_wait(*named, chance()).max(retry::relay_wait(failures, queue, chance()))
                }
                Some(named) => retry::probe_wait(*named, chance()),
                None => retry::relay_wait(failures, queue, chance()),
            },
            Trouble::Login | Trouble::Setup => retry::account_wait(failures, queue, chance()),
        };
        let early = early(trouble, failures, now).filter(|_| *met == Met::ByMessage);
        let until = schedule.back_off(account, Backoff { until: later(now, wait), trouble, early }, failures);
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or(wait);
        match trouble {
            Trouble::Relay => log::relay_trouble(shown_account(account), relay, reason, wait),
            Trouble::Login | Trouble::Setup => log::account_trouble(shown_account(account), relay, reason, wait),
        }
        // A busy server and a refused connection are stages of one outage: it keeps its beginning, from which
        // `lifetime` is counted, and the record of the alerts.
        let known = self.outages.get(account).filter(|outage| is_same(outage.trouble, trouble));
        let (since, told) = known.map_or((wall, Vec::new()), |outage| (outage.since, outage.told.clone()));
        let outage = Outage {
            trouble,
            since,
            seen: *begun,
            next: later(wall, wait),
            resumes: named.map(|named| later(wall, named)),
            failures,
            relay: relay.clone(),
            reason: reason.clone(),
            cure: cure.clone(),
            told,
        };
        self.outages.insert(account.clone(), outage);
        true
    }

    /// Alerts people, once per outage and channel, and stores the outage. Returns the id of the alert mail, if one
    /// was stored.
    ///
    /// The outage is stored afterwards, with the channels that were used. A crash in between repeats the alert;
    /// storing first could lose it.
    pub(super) fn raise_alert(&mut self, account: &str, loaded: &Loaded, schedule: &Scheduler) -> Option<MessageId> {
        let outage = self.outages.get_mut(account)?;
        let lasted = loaded.clock.age(outage.since);
        let works = |other: &str| other != account && schedule.failures(other) == 0;
        let stored = alert::raise(loaded, account, outage, lasted, works);
        self.write(&loaded.spool);
        stored
    }

    /// Sets aside mail that has waited for `lifetime` while the account's owner did nothing. Returns the ids.
    ///
    /// Only trouble that the owner must fix ends this way, and only in failed/: a bounce would tell a sender who can
    /// do nothing about it. Both clocks must run out. An outage of long standing must not take a message that arrived
    /// an hour ago, nor a short outage an old message that has other reasons to wait. Messages in progress are left to
    /// their attempt.
    pub(super) fn set_aside_expired(&self, account: &str, loaded: &Loaded, schedule: &Scheduler) -> Vec<MessageId> {
        let Some(outage) = self.outages.get(account).filter(|outage| outage.trouble.is_owners()) else {
            return Vec::new();
        };
        let (spool, clock, lifetime) = (&loaded.spool, &loaded.clock, loaded.config.queue.lifetime);
        if clock.age(outage.since) < lifetime {
            return Vec::new();
        }
        let reason = format!(
            "account {account} has been in trouble for longer than `lifetime`: {}; \
             `postrider queue retry --account {account}` returns the message to the queue",
            outage.reason
        );
        let is_old =
            |id: &MessageId| spool.open_message(id).is_ok_and(|stored| clock.age(stored.envelope.arrived) >= lifetime);
        let set_aside = |id: &MessageId| match spool.set_aside(id, &reason) {
            Ok(()) => {
                log::set_aside(id, &reason);
                true
            }
            Err(error) => {
                log::warning(error);
                false
            }
        };
        schedule.idle_of(account).into_iter().filter(|id| is_old(id) && set_aside(id)).collect()
    }

    /// Ends backoffs, after a flush or a change of the configuration. After a rejected login, only if the pause is
    /// over or the password changed: providers lock accounts after a few wrong logins.
    pub(super) fn end(&self, loaded: &Loaded, schedule: &mut Scheduler) {
        for (account, outage) in &self.outages {
            if outage.trouble != Trouble::Login
                || loaded.clock.age(outage.seen) >= retry::LOGIN_PAUSE
                || have_changed_since(loaded, account, outage.seen)
            {
                schedule.end_backoff(account);
            }
        }
    }

    fn write(&self, spool: &Spool) {
        if let Err(error) = account_health::write(spool, &self.outages) {
            log::warning(error);
        }
    }
}

/// When a message that has not met the trouble may probe the account before its time. A limit is over at its time, whoever asks, and
/// a rejected login has its pause.
fn early(trouble: Trouble, failures: u32, now: Timestamp) -> Option<Timestamp> {
    (trouble == Trouble::Setup).then(|| later(now, retry::other_message_wait(failures)))
}

/// Relay trouble and account trouble are two outages. A rejected login and a missing password are the same one.
fn is_same(one: Trouble, other: Trouble) -> bool {
    one.is_owners() == other.is_owners()
}
