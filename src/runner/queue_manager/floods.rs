//! The flood guard: mail of a flood waits and leaves as one message an hour, and by itself if that is refused.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;

use super::round_robin::Origin;
use super::state::QueueState;
use crate::config::mailbox::LOCAL_ACCOUNT;
use crate::deliver::outgoing;
use crate::log;
use crate::mail::fold_case::fold_case;
use crate::mail::header::Header;
use crate::rules::flood::{self, Verdict};
use crate::runner::completion::flood_digest::{self, Withdrawn};
use crate::runner::flood_key::flood_key;
use crate::runner::result::{AttemptResult, NextStep};
use crate::spool::state::State;
use crate::spool::{Envelope, MessageId, SpoolError, Stored};

/// Why a message cannot be taken out of a digest.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotPart {
    #[error("it is being sent together with similar mail, in message {0}; try again in a moment")]
    BeingSent(MessageId),
    #[error("it was sent together with similar mail, in message {0}")]
    Sent(MessageId),
    #[error("it is to be sent together with similar mail, in message {0}, which cannot be taken back: {1}")]
    Kept(MessageId, SpoolError),
}

/// So many journals are written in one turn of the loop.
const AT_ONCE: usize = 16;

impl QueueState {
    /// Whether the message leaves together with others, now or later, and so is not scheduled by itself. A digest is noted here.
    pub(super) fn leaves_with_others(&mut self, stored: &Stored, state: &State, account: &str) -> bool {
        let envelope = &stored.envelope;
        if self.is_noted_digest(envelope) {
            return false;
        }
        if self.floods.digest_of(&envelope.id).is_some() {
            return true;
        }
        let was_gathered = flood_digest::is_gathered(state);
        let is_new = state.attempts == 0 && state.outcomes().next().is_none();
        let settings = &self.loaded.config.flood;
        let is_listed = settings.senders.contains(&*fold_case(&envelope.sender.to_string()));
        // What stays on this machine costs nobody anything.
        if account == LOCAL_ACCOUNT || !(was_gathered || is_new && is_listed) {
            return false;
        }
        let Ok(header) = outgoing::stored_header(stored) else { return false };
        let (header, now) = (Header::read(&header), self.now());
        let Some(key) = flood_key(envelope, &header, account) else { return false };
        let due = if was_gathered {
            // An earlier runner did; whatever hour that was is over, or as good as over.
            now
        } else {
            match self.floods.decide(&key, flood::subject_of(&header), settings.per_hour, now) {
                Verdict::Pass => return false,
                Verdict::Gather(until) => until,
            }
        };
        if !was_gathered && let Err(error) = flood_digest::gather(&self.loaded, &envelope.id, due) {
            log::warning(error);
        }
        self.floods.gather(key, envelope.id.clone(), due);
        true
    }

    /// Notes what a digest brings; whether it is one. A digest that is held brings its originals when it is released, so they wait
    /// for it.
    pub(super) fn is_noted_digest(&mut self, envelope: &Envelope) -> bool {
        if !flood_digest::is_digest(envelope) {
            return false;
        }
        for id in &envelope.reports {
            self.schedule.remove(id);
        }
        self.floods.sent_together(&envelope.id, &envelope.reports);
        true
    }

    /// Stores the digests that are due. One message alone is sent as it is.
    pub(super) fn send_gathered(&mut self, now: Timestamp) {
        self.finish_brought();
        for ids in self.floods.take_due(now) {
            self.send_together(ids);
        }
    }

    /// Sends these at once, with what waits to leave together with them.
    pub(super) fn send_now_together(&mut self, asked: &HashSet<MessageId>) {
        let now = self.now();
        self.floods.make_due(asked, now);
        self.send_gathered(now);
    }

    /// Takes the message out of the digest that would bring it, so that it can be changed: the digest leaves the queue, and what
    /// else was in it is added to `parted`, or held if the digest was.
    pub(super) fn take_out(&mut self, id: &MessageId, parted: &mut Vec<BTreeSet<MessageId>>) -> Result<(), CannotPart> {
        let Some(digest) = self.floods.digest_of(id).cloned() else { return Ok(()) };
        if !self.floods.is_digest(&digest) {
            return Err(CannotPart::Sent(digest));
        }
        if self.schedule.is_active(&digest) {
            return Err(CannotPart::BeingSent(digest));
        }
        let kept = |error| CannotPart::Kept(digest.clone(), error);
        let withdrawn = flood_digest::withdraw(&self.loaded, &digest).map_err(kept)?;
        self.schedule.remove(&digest);
        self.flushes.drop_message(&digest);
        let rest =
            self.floods.left(&digest).into_iter().flatten().filter(|one| one != id).collect::<BTreeSet<MessageId>>();
        match withdrawn {
            Withdrawn::Waiting => parted.push(rest),
            Withdrawn::Held => rest.iter().try_for_each(|one| flood_digest::hold(&self.loaded, one)).map_err(kept)?,
        }
        Ok(())
    }

    pub(super) fn send_together(&mut self, mut ids: BTreeSet<MessageId>) {
        while !ids.is_empty() {
            match flood_digest::make(&self.loaded, &mut ids) {
                Ok(Some(digest)) => self.load(digest),
                Ok(None) => {
                    for id in std::mem::take(&mut ids) {
                        self.schedule_alone(&id);
                    }
                }
                Err(error) => {
                    log::warning(format_args!("{error}; similar mail is sent one by one"));
                    for id in std::mem::take(&mut ids) {
                        self.schedule_alone(&id);
                    }
                }
            }
        }
    }

    /// What became of a digest becomes of its originals: they are finished, or sent by themselves.
    pub(super) fn digest_settled(&mut self, result: &AttemptResult) {
        if !matches!(result.next_step, NextStep::Gone | NextStep::AwaitDigest) {
            return;
        }
        if result.delivered == 0 || result.refused > 0 || result.waiting > 0 {
            self.send_singly(&result.id);
            return;
        }
        self.floods.accepted(&result.id);
    }

    /// Finishes some of what digests have brought. Each costs a sync, and other mail does not wait for thousands of them.
    fn finish_brought(&mut self) {
        for _ in 0..AT_ONCE {
            let Some((id, digest)) = self.floods.next_brought() else { return };
            self.finish_one(id, &digest);
        }
    }

    /// The same for all, where no other mail waits for it: the next runner would send them again.
    pub(super) fn finish_all_brought(&mut self) {
        while let Some((id, digest)) = self.floods.next_brought() {
            self.finish_one(id, &digest);
        }
    }

    fn finish_one(&mut self, id: MessageId, digest: &MessageId) {
        match flood_digest::finish(&self.loaded, &id, digest) {
            // It has nothing to wait for; the next turn removes it.
            Ok(Some(account)) => {
                self.floods.is_leaving(id.clone());
                self.schedule.add(id, &account, Origin::default(), self.loaded.clock.now());
            }
            Ok(None) => {}
            Err(error) => log::warning(format_args!("{id}: {error}; it may be sent twice")),
        }
    }

    /// The originals of a digest that brings nothing any more.
    pub(super) fn send_singly(&mut self, digest: &MessageId) {
        for id in self.floods.left(digest).unwrap_or_default() {
            self.schedule_alone(&id);
        }
    }

    fn schedule_alone(&mut self, id: &MessageId) {
        match flood_digest::release(&self.loaded, id) {
            Ok(Some(account)) => self.schedule.add(id.clone(), &account, Origin::default(), self.loaded.clock.now()),
            Ok(None) => {}
            Err(error) => {
                log::warning(format_args!("{id}: {error}; trying again later"));
                let due = self.soon();
                self.schedule.add(id.clone(), "", Origin::default(), due);
            }
        }
    }
}
