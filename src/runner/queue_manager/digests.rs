//! Digests that are due: which messages still owe their sender a report, and when it is sent. Making and storing a
//! digest is `completion::digest`'s.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::event_loop::QueueManager;
use super::round_robin::Origin;
use super::scheduler::later;
use crate::log;
use crate::runner::completion::digest;
use crate::runner::result::{Addressee, OwedReport};
use crate::spool::{Envelope, MessageId};

#[derive(Debug)]
struct Digest {
    due: Timestamp,
    ids: BTreeSet<MessageId>,
}

/// All messages that are to be named in a digest.
#[derive(Debug, Default)]
pub struct DigestQueue(BTreeMap<Addressee, Digest>);

impl DigestQueue {
    /// Takes a message in; the first sets the time for all of its addressee.
    pub fn add(&mut self, id: MessageId, to: Addressee, due: Timestamp) {
        self.0.entry(to).or_insert_with(|| Digest { due, ids: BTreeSet::new() }).ids.insert(id);
    }

    /// Forgets a message.
    pub fn forget(&mut self, id: &MessageId) {
        self.0.retain(|_, digest| {
            digest.ids.remove(id);
            !digest.ids.is_empty()
        });
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All messages.
    pub fn ids(&self) -> impl Iterator<Item = &MessageId> {
        self.0.values().flat_map(|digest| &digest.ids)
    }

    /// When the next digest is due.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.0.values().map(|digest| digest.due).min()
    }

    /// Makes the digests due that name one of these.
    pub fn hurry(&mut self, is_meant: impl Fn(&MessageId) -> bool, now: Timestamp) {
        for digest in self.0.values_mut().filter(|digest| digest.ids.iter().any(&is_meant)) {
            digest.due = digest.due.min(now);
        }
    }

    fn take_due(&mut self, now: Timestamp) -> Vec<(Addressee, BTreeSet<MessageId>)> {
        let due: Vec<Addressee> = self.0.iter().filter(|(_, b)| b.due <= now).map(|(to, _)| to.clone()).collect();
        due.into_iter().filter_map(|to| self.0.remove(&to).map(|digest| (to, digest.ids))).collect()
    }
}

impl QueueManager {
    /// Remembers what a message owes.
    pub(crate) fn owe_digest(&mut self, id: &MessageId, owes: OwedReport) {
        self.digests.add(id.clone(), owes.to, later(self.now(), owes.wait));
    }

    /// Stores the digests that are due.
    pub(crate) fn send_digests(&mut self, now: Timestamp) {
        for (to, mut ids) in self.digests.take_due(now) {
            // What is being attempted owes it again when that is over.
            ids.retain(|id| !self.schedule.is_active(id));
            let all = ids.clone();
            while !ids.is_empty() {
                match digest::make(&self.loaded, &to, &mut ids) {
                    Ok(Some(stored)) => self.load(stored),
                    Ok(None) => {}
                    Err(error) => {
                        log::warning(format_args!("{error}; the digest will be created later"));
                        let due = later(now, self.loaded.config.queue.retry_min);
                        for id in std::mem::take(&mut ids) {
                            self.report_waiting(&id, &error.to_string());
                            self.digests.add(id, to.clone(), due);
                        }
                    }
                }
            }
            for id in all {
                if !self.schedule.contains(&id) {
                    self.drop_from_flushes(&id);
                }
            }
            for account in self.accounts_in_trouble() {
                self.report_backoff(&account);
            }
        }
    }

    /// Before a digest is sent, every message that it names has it in its journal, and those with nothing else to
    /// wait for may leave.
    pub(crate) fn mark_digest(&mut self, envelope: &Envelope) {
        for id in &envelope.reports {
            match digest::mark(&self.loaded, id, &envelope.id) {
                Ok(digest::Marked::Yes { account }) => {
                    self.digests.forget(id);
                    let (origin, now) = (Origin::default(), self.now());
                    self.schedule.add(id.clone(), &account, origin, now);
                }
                Ok(digest::Marked::Before) => {}
                // It will be in a further digest: told twice, but told.
                Err(error) => log::warning(format_args!("{id}: {error}")),
            }
        }
    }
}
