//! Accounts in trouble: how long they rest, when they are probed, what mailq is told of
//! them, when their mail is parked. And what is done once a day: history and failed/
//! are kept within their bounds.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::event_loop::QueueManager;
use super::scheduler::{Backoff, later};
use crate::log;
use crate::rules::retry;
use crate::runner::completion::alert;
use crate::spool::account_health::{self, Outage, Trouble};
use crate::spool::{MessageId, history};
use crate::sys::random::chance;

const DAY: Duration = Duration::from_hours(24);
/// How often the clock's reading is kept and the reserve seen to.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// A file's time is the kernel's last tick, which lies so far behind the clock at most.
const FILE_TIME_LAG: SignedDuration = SignedDuration::from_millis(10);
/// How long what could not be returned is kept in failed/.
const FAILED_KEPT: Duration = Duration::from_hours(90 * 24);

impl QueueManager {
    pub(crate) fn account_recovered(&mut self, account: &str) {
        if self.schedule.recover(account) {
            log::account_well(account);
        }
        if self.health.remove(account).is_some() {
            self.write_health();
        }
    }

    /// An account does not work; `begun` is the wall's time at which the attempt that showed it began.
    pub(crate) fn account_failed(
        &mut self,
        account: &str,
        trouble: Trouble,
        relay: &str,
        reason: &str,
        begun: Timestamp,
    ) {
        let now = self.now();
        // Another session of the account has met the same trouble just before.
        if self.schedule.backoff_of(account).is_some_and(|rest| rest.until > now && rest.trouble == trouble) {
            return;
        }
        let failures = self.schedule.failures(account).saturating_add(1);
        let queue = &self.loaded.config.queue;
        let wait = match trouble {
            Trouble::Relay => retry::relay_wait(failures, queue, chance()),
            Trouble::Login | Trouble::Setup => retry::account_wait(failures, queue, chance()),
        };
        self.schedule.back_off(account, Backoff { until: later(now, wait), trouble }, failures);
        match trouble {
            Trouble::Relay => log::relay_trouble(account, relay, reason, wait),
            Trouble::Login | Trouble::Setup => log::account_trouble(account, relay, reason, wait),
        }
        let wall = Timestamp::now();
        let known = self.health.get(account).filter(|sick| is_same(sick.trouble, trouble));
        let (since, told) = known.map_or((wall, Vec::new()), |sick| (sick.since, sick.told.clone()));
        let sick = Outage {
            trouble,
            since,
            seen: begun,
            next: later(wall, wait),
            failures,
            relay: relay.to_owned(),
            reason: reason.to_owned(),
            told,
        };
        self.health.insert(account.to_owned(), sick);
        self.report_backoff(account);
        self.raise_alert(account);
        self.write_health();
        self.set_aside_expired(account);
    }

    /// One timer per outage: who looks after the machine is told once, in each way.
    fn raise_alert(&mut self, account: &str) {
        let Some(sick) = self.health.get_mut(account) else { return };
        let lasted = self.loaded.clock.age(sick.since);
        let stored = alert::raise(&self.loaded, account, sick, lasted, |other| {
            other != account && self.schedule.failures(other) == 0
        });
        if let Some(id) = stored {
            self.load(id);
        }
    }

    /// Mail that its account's owner has left waiting for all its lifetime is set aside, to be brought back.
    fn set_aside_expired(&mut self, account: &str) {
        let Some(sick) = self.health.get(account).filter(|sick| sick.trouble != Trouble::Relay) else { return };
        let (clock, lifetime) = (&self.loaded.clock, self.loaded.config.queue.lifetime);
        if clock.age(sick.since) < lifetime {
            return;
        }
        let reason = format!(
            "account {account} has been in trouble for longer than `lifetime`: {}; \
             `postrider queue retry --account {account}` returns the message to the queue",
            sick.reason
        );
        let spool = &self.loaded.spool;
        let is_old =
            |id: &MessageId| spool.open_message(id).is_ok_and(|stored| clock.age(stored.envelope.arrived) >= lifetime);
        for id in self.schedule.idle_of(account).into_iter().filter(is_old).collect::<Vec<_>>() {
            match self.loaded.spool.set_aside(&id, &reason) {
                Ok(()) => {
                    log::set_aside(&id, &reason);
                    self.schedule.remove(&id);
                    self.drop_from_flushes(&id);
                }
                Err(error) => log::warning(error),
            }
        }
    }

    pub(crate) fn write_health(&self) {
        if let Err(error) = account_health::write(&self.loaded.spool, &self.health) {
            log::warning(error);
        }
    }

    /// A runner that was restarted does not hammer a login that the last one found rejected.
    pub(crate) fn restore_backoff(&mut self) {
        let known = self.health.len();
        self.health.retain(|account, _| self.loaded.config.account(account).is_some());
        if self.health.len() < known {
            self.write_health();
        }
        let (now, wall) = (self.now(), Timestamp::now());
        for (account, sick) in self.health.clone() {
            // The wall clock may have jumped since: nothing rests for longer than it ever would.
            let longest = self.loaded.config.queue.retry_max.mul_f64(1.1).max(retry::LOGIN_PAUSE);
            let wait = Duration::try_from(sick.next.duration_since(wall)).unwrap_or_default().min(longest);
            let wait = if self.changed_since(&account, sick.seen) { Duration::ZERO } else { wait };
            self.schedule.back_off(&account, Backoff { until: later(now, wait), trouble: sick.trouble }, sick.failures);
        }
    }

    pub(crate) fn accounts_in_trouble(&self) -> Vec<String> {
        self.health.keys().cloned().collect()
    }

    /// Lets accounts in trouble be probed now, where that does no harm.
    pub(crate) fn end_backoffs(&mut self) {
        for account in self.accounts_in_trouble() {
            if self.may_probe_now(&account) {
                self.schedule.end_backoff(&account);
            }
        }
    }

    /// Whether a flush may probe the account: always, but for a rejected login that nobody has touched.
    fn may_probe_now(&self, account: &str) -> bool {
        let Some(sick) = self.health.get(account) else { return true };
        sick.trouble != Trouble::Login
            || self.loaded.clock.age(sick.seen) >= retry::LOGIN_PAUSE
            || self.changed_since(account, sick.seen)
    }

    /// Whether the config or the account's secret file changed since. A file that is put back, or that a chmod mends, has an old time of
    /// modification; when that was done is in its other time.
    pub(crate) fn changed_since(&self, account: &str, since: Timestamp) -> bool {
        let config = &self.loaded.config;
        let secret = config.account(account).and_then(|account| account.password.as_ref()).and_then(|p| p.file());
        [Some(config.path.as_path()), secret].into_iter().flatten().any(|path| {
            let changed = std::fs::metadata(path).ok();
            let nanoseconds =
                |file: std::fs::Metadata| i32::try_from(file.ctime_nsec()).map(|ns| (file.ctime(), ns)).ok();
            let changed = changed.and_then(nanoseconds).and_then(|(s, ns)| Timestamp::new(s, ns).ok());
            changed.is_some_and(|time| time.saturating_add(FILE_TIME_LAG).is_ok_and(|time| time > since))
        })
    }

    /// Once a day, and at the start: history and failed/ keep what they are to keep. Once an hour the clock is kept.
    pub(crate) fn keep_house(&mut self, now: Timestamp) {
        let was_ever = self.kept_house != Timestamp::UNIX_EPOCH;
        if was_ever && now.duration_since(self.kept_house) < HOUR {
            return;
        }
        let is_new_day = !was_ever || now.as_second() / 86_400 != self.kept_house.as_second() / 86_400;
        self.kept_house = now;
        let loaded = &self.loaded;
        loaded.clock.keep(&loaded.spool);
        self.context.gate.keep_reserve();
        if !is_new_day {
            return;
        }
        let kept = SignedDuration::try_from(loaded.config.queue.history).unwrap_or(SignedDuration::MAX);
        let before = loaded.clock.earliest().saturating_sub(kept);
        // Who has left by his record alone must be gone when that goes.
        let prune = |before| loaded.spool.sync_queue().and_then(|()| history::prune(&loaded.spool, before));
        if let Err(error) = before.map_or(Ok(()), prune) {
            log::warning(error);
        }
        match loaded.spool.age_out(FAILED_KEPT, |stamp| loaded.clock.age(stamp)) {
            Ok(gone) => gone.iter().for_each(|name| log::aged_out(name, FAILED_KEPT.as_secs() / DAY.as_secs())),
            Err(error) => log::warning(error),
        }
    }
}

/// Relay trouble and account trouble are two outages; a rejected login and a missing password are one.
fn is_same(one: Trouble, other: Trouble) -> bool {
    (one == Trouble::Relay) == (other == Trouble::Relay)
}
