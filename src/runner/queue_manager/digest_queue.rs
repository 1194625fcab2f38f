//! Messages that still owe their sender a report, by recipient of the digest, and when each digest is due. A plain
//! data structure; `completion::digest` builds the digests.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::runner::result::Addressee;
use crate::spool::MessageId;

#[derive(Debug)]
struct Digest {
    due: Timestamp,
    ids: BTreeSet<MessageId>,
}

/// All digests that are due at some time.
#[derive(Debug, Default)]
pub(super) struct DigestQueue(BTreeMap<Addressee, Digest>);

impl DigestQueue {
    /// Adds a message. The first message for a recipient sets the time of the digest. Later ones join it without a
    /// delay of their own, so a steady stream of failures cannot postpone the digest forever.
    pub(super) fn add(&mut self, id: MessageId, to: Addressee, due: Timestamp) {
        self.0.entry(to).or_insert_with(|| Digest { due, ids: BTreeSet::new() }).ids.insert(id);
    }

    /// Removes a message from its digest.
    pub(super) fn remove(&mut self, id: &MessageId) {
        self.0.retain(|_, digest| {
            digest.ids.remove(id);
            !digest.ids.is_empty()
        });
    }

    /// Whether no digest is due at any time.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All messages in the digests.
    pub(super) fn ids(&self) -> impl Iterator<Item = &MessageId> {
        self.0.values().flat_map(|digest| &digest.ids)
    }

    /// When the next digest is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.0.values().map(|digest| digest.due).min()
    }

    /// Makes the digests that contain one of these messages due now.
    pub(super) fn make_due(&mut self, is_meant: impl Fn(&MessageId) -> bool, now: Timestamp) {
        for digest in self.0.values_mut().filter(|digest| digest.ids.iter().any(&is_meant)) {
            digest.due = digest.due.min(now);
        }
    }

    /// Removes and returns the digests that are due.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<(Addressee, BTreeSet<MessageId>)> {
        let due: Vec<Addressee> = self.0.iter().filter(|(_, d)| d.due <= now).map(|(to, _)| to.clone()).collect();
        due.into_iter().filter_map(|to| self.0.remove(&to).map(|digest| (to, digest.ids))).collect()
    }
}
