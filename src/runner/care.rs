//! Accounts in trouble: how long they rest, when they are probed, what mailq is told
//! of them. Nothing here touches a message.

use jiff::{SignedDuration, Timestamp};

use super::engine::{Engine, later};
use super::schedule::Rest;
use super::settle;
use crate::events;
use crate::rules::retry;
use crate::spool::health::{self, Sick, Trouble};

impl Engine {
    pub(super) fn well(&mut self, account: &str) {
        if self.schedule.recover(account) {
            events::account_well(account);
        }
        if self.health.remove(account).is_some() {
            self.write_health();
        }
    }

    pub(super) fn trouble(&mut self, account: &str, trouble: Trouble, relay: &str, reason: &str, now: Timestamp) {
        let failures = self.schedule.failures(account).saturating_add(1);
        let queue = &self.settings.config.queue;
        let wait = match trouble {
            Trouble::Relay => retry::relay_wait(failures, queue, settle::chance()),
            Trouble::Login | Trouble::Setup => retry::account_wait(failures, queue, settle::chance()),
        };
        let until = later(now, wait);
        self.schedule.rest(account, Rest { until, trouble }, failures);
        match trouble {
            Trouble::Relay => events::relay_trouble(account, relay, reason, wait),
            Trouble::Login | Trouble::Setup => events::account_trouble(account, relay, reason, wait),
        }
        let since = self.health.get(account).filter(|sick| sick.trouble == trouble).map_or(now, |sick| sick.since);
        let sick = Sick {
            trouble,
            since,
            seen: now,
            next: until,
            failures,
            relay: relay.to_owned(),
            reason: reason.to_owned(),
        };
        self.health.insert(account.to_owned(), sick);
        self.write_health();
    }

    pub(super) fn write_health(&self) {
        if let Err(error) = health::write(&self.settings.spool, &self.health) {
            events::warning(error);
        }
    }

    /// A runner that was restarted does not hammer a login that the last one found rejected.
    pub(super) fn recall_rests(&mut self) {
        let now = Timestamp::now();
        for (account, sick) in self.health.clone() {
            if sick.next > now && !self.mended_since(&account, sick.seen) {
                self.schedule.rest(&account, Rest { until: sick.next, trouble: sick.trouble }, sick.failures);
            }
        }
    }

    pub(super) fn accounts_in_trouble(&self) -> Vec<String> {
        self.health.keys().cloned().collect()
    }

    /// Whether a flush may probe the account: always, but for a rejected login that nobody has touched.
    pub(super) fn may_probe_now(&self, account: &str, now: Timestamp) -> bool {
        let Some(sick) = self.health.get(account) else { return true };
        let pause = SignedDuration::try_from(retry::LOGIN_PAUSE).unwrap_or(SignedDuration::MAX);
        sick.trouble != Trouble::Login
            || now.duration_since(sick.seen) >= pause
            || self.mended_since(account, sick.seen)
    }

    /// Whether the config or the account's secret file changed since.
    pub(super) fn mended_since(&self, account: &str, since: Timestamp) -> bool {
        let config = &self.settings.config;
        let secret = config.account(account).and_then(|account| account.password.as_ref()).and_then(|p| p.file());
        [Some(config.path.as_path()), secret].into_iter().flatten().any(|path| {
            let changed = std::fs::metadata(path).and_then(|m| m.modified()).ok();
            changed.and_then(|time| Timestamp::try_from(time).ok()).is_some_and(|time| time > since)
        })
    }
}
