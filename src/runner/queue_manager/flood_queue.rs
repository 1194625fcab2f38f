//! Mail of floods: what waits to leave together, and the digests that are on their way. A plain data structure; `rules::flood`
//! decides, `completion::flood_digest` builds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use jiff::Timestamp;

use crate::rules::flood::{Hour, Verdict};
use crate::runner::flood_key::FloodKey;
use crate::spool::MessageId;

#[derive(Debug)]
struct Gathered {
    due: Timestamp,
    ids: BTreeSet<MessageId>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct FloodQueue {
    hours: BTreeMap<FloodKey, Hour>,
    gathered: BTreeMap<FloodKey, Gathered>,
    /// Digests in the queue, and what they bring.
    digests: HashMap<MessageId, Vec<MessageId>>,
    /// The digest of each of those, also after it was accepted.
    covered: HashMap<MessageId, MessageId>,
    /// Originals that a digest has brought, with that digest: their journals do not say so yet.
    brought: VecDeque<(MessageId, MessageId)>,
    /// Those whose journals say so, and that are about to leave the queue.
    leaving: HashSet<MessageId>,
}

impl FloodQueue {
    /// Decides about a message that has just arrived.
    pub(super) fn decide(&mut self, key: &FloodKey, subject: u64, most: usize, now: Timestamp) -> Verdict {
        self.hours.retain(|_, hour| !hour.is_over(now));
        let hour = self.hours.entry(key.clone()).or_insert_with(|| Hour::begin(now));
        hour.decide(subject, most, now)
    }

    /// Adds a message to similar ones. The first sets the time.
    pub(super) fn gather(&mut self, key: FloodKey, id: MessageId, due: Timestamp) {
        let fresh = || Gathered { due, ids: BTreeSet::new() };
        self.gathered.entry(key).or_insert_with(fresh).ids.insert(id);
    }

    /// A digest is in the queue.
    pub(super) fn sent_together(&mut self, digest: &MessageId, originals: &[MessageId]) {
        for id in originals {
            self.remove(id);
        }
        self.covered.extend(originals.iter().map(|id| (id.clone(), digest.clone())));
        self.digests.insert(digest.clone(), originals.to_vec());
    }

    /// The digest that brings the message, or has brought it.
    pub(super) fn digest_of(&self, id: &MessageId) -> Option<&MessageId> {
        self.covered.get(id)
    }

    /// The originals of a digest that is no longer in the queue, if it was one.
    pub(super) fn left(&mut self, digest: &MessageId) -> Option<Vec<MessageId>> {
        let originals = self.digests.remove(digest)?;
        for id in &originals {
            self.covered.remove(id);
        }
        Some(originals)
    }

    /// A digest was accepted.
    pub(super) fn accepted(&mut self, digest: &MessageId) {
        let originals = self.digests.remove(digest).unwrap_or_default();
        self.brought.extend(originals.into_iter().map(|id| (id, digest.clone())));
    }

    /// The next of the originals that digests have brought.
    pub(super) fn next_brought(&mut self) -> Option<(MessageId, MessageId)> {
        let (id, digest) = self.brought.pop_front()?;
        self.covered.remove(&id);
        Some((id, digest))
    }

    /// A message that a digest has brought has a turn of its own now, in which it leaves the queue.
    pub(super) fn is_leaving(&mut self, id: MessageId) {
        self.leaving.insert(id);
    }

    /// It had that turn.
    pub(super) fn had_its_turn(&mut self, id: &MessageId) {
        self.leaving.remove(id);
    }

    /// Whether all that digests have brought has left the queue.
    pub(super) fn has_left(&self) -> bool {
        self.brought.is_empty() && self.leaving.is_empty()
    }

    /// What digests in the queue bring, each with its digest.
    pub(super) fn covered(&self) -> impl Iterator<Item = (&MessageId, &MessageId)> {
        self.covered.iter().filter(|(_, digest)| self.digests.contains_key(*digest))
    }

    /// Whether it is a digest that is in the queue.
    pub(super) fn is_digest(&self, id: &MessageId) -> bool {
        self.digests.contains_key(id)
    }

    /// Removes a message that leaves by itself.
    pub(super) fn remove(&mut self, id: &MessageId) {
        self.gathered.retain(|_, gathered| {
            gathered.ids.remove(id);
            !gathered.ids.is_empty()
        });
    }

    /// Whether nothing waits to leave together.
    pub(super) fn is_empty(&self) -> bool {
        self.gathered.is_empty() && self.brought.is_empty()
    }

    /// When the next messages leave together, or a journal is to be written.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let brought = (!self.brought.is_empty()).then_some(Timestamp::MIN);
        brought.or_else(|| self.gathered.values().map(|gathered| gathered.due).min())
    }

    /// What waits to leave together, each message with its account.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (&MessageId, &str)> {
        self.gathered.iter().flat_map(|(key, gathered)| gathered.ids.iter().map(|id| (id, key.account.as_str())))
    }

    /// These leave now, with all that wait to leave together with them.
    pub(super) fn make_due(&mut self, asked: &HashSet<MessageId>, now: Timestamp) {
        for gathered in self.gathered.values_mut().filter(|gathered| gathered.ids.iter().any(|id| asked.contains(id))) {
            gathered.due = gathered.due.min(now);
        }
    }

    /// Removes and returns what is due.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<BTreeSet<MessageId>> {
        let due: Vec<FloodKey> =
            self.gathered.iter().filter(|(_, one)| one.due <= now).map(|(key, _)| key.clone()).collect();
        due.into_iter().filter_map(|key| self.gathered.remove(&key)).map(|gathered| gathered.ids).collect()
    }
}
