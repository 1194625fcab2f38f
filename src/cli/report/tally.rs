//! Counts records of history as they are read: by day, sender, account and cause. However long history is, what is kept is bounded.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::mail::fold_case::fold_case;
use crate::spool::history::{Ended, Finished, Record};

/// So many senders are told apart; what further ones send counts in the totals only.
const MOST_SENDERS: usize = 20_000;
/// So many delays are kept; a sample of more would tell the same.
const MOST_DELAYS: usize = 500_000;

/// What became of messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) messages: usize,
    /// Of recipients.
    pub(super) delivered: usize,
    /// Of recipients.
    pub(super) returned: usize,
    /// Recipients that are neither: deleted, unconfirmed.
    pub(super) other: usize,
    pub(super) octets: u64,
}

impl Counts {
    fn add(&mut self, record: &Record) {
        self.messages += 1;
        self.octets = self.octets.saturating_add(record.size);
        record.recipients.iter().for_each(|one| self.add_recipient(one));
    }

    fn add_recipient(&mut self, recipient: &Finished) {
        match recipient.status {
            Ended::Delivered => self.delivered += 1,
            Ended::Refused => self.returned += 1,
            Ended::Deferred | Ended::Unknown | Ended::Deleted => self.other += 1,
        }
    }
}

/// From arrival to the end, in seconds.
#[derive(Debug, Default)]
pub(super) struct Delays(Vec<u32>);

impl Delays {
    fn add(&mut self, record: &Record) {
        if self.0.len() < MOST_DELAYS {
            let delay = record.finished.as_second() - record.arrived.as_second();
            self.0.push(u32::try_from(delay.max(0)).unwrap_or(u32::MAX));
        }
    }

    /// Median and worst; `None` where there are none.
    pub(super) fn median_and_worst(mut self) -> Option<(u32, u32)> {
        let worst = self.0.iter().max().copied()?;
        let middle = (self.0.len() - 1) / 2;
        let (_, median, _) = self.0.select_nth_unstable(middle);
        Some((*median, worst))
    }
}

/// A sender in the days before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) messages: usize,
    pub(super) last: Timestamp,
}

/// All that is counted.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    pub(super) total: Counts,
    pub(super) delays: Delays,
    pub(super) days: BTreeMap<Date, Counts>,
    pub(super) senders: HashMap<String, Counts>,
    pub(super) before: HashMap<String, Before>,
    pub(super) accounts: BTreeMap<String, (Counts, Delays)>,
    /// Recipients that were refused, by enhanced status code.
    pub(super) returned: BTreeMap<String, usize>,
    zone: TimeZone,
}

impl Tally {
    /// Of the mail that left the queue between these times.
    pub(super) fn new(since: Timestamp, until: Timestamp) -> Self {
        Self {
            since,
            until,
            total: Counts::default(),
            delays: Delays::default(),
            days: BTreeMap::new(),
            senders: HashMap::new(),
            before: HashMap::new(),
            accounts: BTreeMap::new(),
            returned: BTreeMap::new(),
            zone: TimeZone::system(),
        }
    }

    /// From when on records are needed: as many days before tell who used to write.
    pub(super) fn earliest(&self) -> Timestamp {
        let length = self.until.duration_since(self.since).max(SignedDuration::ZERO);
        self.since.saturating_sub(length).unwrap_or(self.since)
    }

    /// Counts one. What leaves as part of another message counts by itself: where that message is refused, nothing of it is
    /// returned.
    pub(super) fn add(&mut self, record: &Record) {
        if record.is_flood_digest() || record.finished >= self.until || record.finished < self.earliest() {
            return;
        }
        let sender = fold_case(&record.sender).into_owned();
        if record.finished < self.since {
            let fresh = Before { messages: 0, last: record.arrived };
            if let Some(before) = entry(&mut self.before, sender, fresh) {
                before.messages += 1;
                before.last = before.last.max(record.arrived);
            }
            return;
        }
        self.total.add(record);
        self.delays.add(record);
        self.days.entry(record.finished.to_zoned(self.zone.clone()).date()).or_default().add(record);
        if let Some(counts) = entry(&mut self.senders, sender, Counts::default()) {
            counts.add(record);
        }
        let mut accounts: Vec<&str> = record.recipients.iter().map(|one| one.account.as_str()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        for account in accounts {
            let (counts, delays) = self.accounts.entry(account.to_owned()).or_default();
            counts.messages += 1;
            counts.octets = counts.octets.saturating_add(record.size);
            record.recipients.iter().filter(|one| one.account == account).for_each(|one| counts.add_recipient(one));
            delays.add(record);
        }
        for one in record.recipients.iter().filter(|one| one.status == Ended::Refused) {
            *self.returned.entry(one.dsn.clone()).or_default() += 1;
        }
    }
}

/// The entry of a sender, unless there are too many.
fn entry<T>(of: &mut HashMap<String, T>, sender: String, fresh: T) -> Option<&mut T> {
    if of.len() >= MOST_SENDERS && !of.contains_key(&sender) {
        return None;
    }
    Some(of.entry(sender).or_insert(fresh))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
