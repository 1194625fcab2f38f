//! Schedules messages with recipients on this machine and elsewhere. Each part has its own account and its own time, and
//! the message is in the schedule for the part that comes first. So an outage of the sender's provider never delays the mailboxes of
//! this machine, nor the other way round, and there is still one attempt at a time and one journal.
//!
//! This is memory only. After a restart, a part without an outcome is due at once and the others at the time in the journal.

use jiff::Timestamp;

use super::account_queue::later;
use super::message_parts::Parts;
use super::scan::read;
use super::state::QueueState;
use crate::config::mailbox::LOCAL_ACCOUNT;
use crate::deliver::plan::{self, Split};
use crate::log;
use crate::runner::result::NextStep;
use crate::spool::queue::HasJournal;
use crate::spool::state::State;
use crate::spool::{Envelope, MessageId};

/// Whether an attempt's result is the last that a flush waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The other part goes on at once.
    GoesOn,
    /// Nothing is due before some time has passed.
    Over,
}

impl QueueState {
    /// The account and the time with which a loaded message is scheduled.
    pub(super) fn placed(
        &mut self,
        id: &MessageId,
        envelope: &Envelope,
        state: &State,
        due: Timestamp,
    ) -> (String, Timestamp) {
        let (now, pending) = (self.now(), state.pending());
        let split = plan::split(&self.loaded.config, &self.loaded.leaving(), envelope, &pending);
        let Ok(Split { here, away }) = split.as_ref() else {
            return (self.loaded.account_for(envelope, &pending), due);
        };
        self.mixed.remove(id);
        if here.is_empty() || away.is_empty() {
            return (self.loaded.account_for(envelope, &pending), due);
        }
        let of = |part: &[usize]| if part.iter().any(|at| state.outcome(*at).is_none()) { now } else { due };
        let parts = Parts { here: of(here), away: of(away), account: self.loaded.account_for(envelope, away) };
        let (account, due) = self.first_of(&parts);
        self.mixed.insert(id.clone(), parts);
        (account, due)
    }

    fn first_of(&self, parts: &Parts) -> (String, Timestamp) {
        let now = self.now();
        let until = |account: &str| self.schedule.backoff_of(account).map(|backoff| backoff.until).filter(|u| *u > now);
        let (account, due) = parts.first(until);
        (account.to_owned(), due)
    }

    /// Schedules a message whose attempt for one part is over.
    pub(super) fn continue_mixed(&mut self, id: &MessageId, account: &str, next_step: &NextStep) -> Progress {
        let now = self.now();
        let due = match next_step {
            NextStep::Retry(_) if self.schedule.wants_another_attempt(id) => now,
            NextStep::Retry(wait) => later(now, *wait),
            NextStep::More | NextStep::Held | NextStep::AwaitDigest | NextStep::Gone => now,
        };
        let Some(parts) = self.mixed.get_mut(id) else { return Progress::Over };
        parts.set(account, due);
        let parts = parts.clone();
        match read(&self.loaded.spool, id, HasJournal::Journal) {
            Ok((stored, state)) => {
                let (chosen, _) = self.placed(id, &stored.envelope, &state, due);
                // The times that this process knows are better than those of the journal.
                let chosen = match self.mixed.get_mut(id) {
                    Some(kept) => {
                        *kept = Parts { account: kept.account.clone(), ..parts };
                        let kept = kept.clone();
                        self.first_of(&kept)
                    }
                    None => (chosen.clone(), if chosen == LOCAL_ACCOUNT { parts.here } else { parts.away }),
                };
                self.schedule.requeue(id, &chosen.0, chosen.1);
                let waits = self.schedule.backoff_of(&chosen.0).is_some_and(|backoff| backoff.until > now);
                if chosen.1 <= now && !waits { Progress::GoesOn } else { Progress::Over }
            }
            Err(error) => {
                log::warning(format_args!("{id}: {error}; trying again later"));
                self.schedule.requeue(id, account, self.soon());
                Progress::Over
            }
        }
    }

    /// Makes both parts of these messages due now, as a flush asks for.
    pub(super) fn make_parts_due(&mut self, ids: impl Fn(&MessageId) -> bool) {
        let now = self.now();
        for (_, parts) in self.mixed.iter_mut().filter(|(id, _)| ids(id)) {
            (parts.here, parts.away) = (now, now);
        }
        self.reassign_mixed();
    }

    /// Schedules all of them for the part that can go first now: an account has failed, or works again.
    pub(super) fn reassign_mixed(&mut self) {
        let schedule = &self.schedule;
        self.mixed.retain(|id, _| schedule.contains(id));
        let idle: Vec<MessageId> = self.mixed.keys().filter(|id| !self.schedule.is_active(id)).cloned().collect();
        for id in idle {
            let Some(parts) = self.mixed.get(&id) else { continue };
            let (account, due) = self.first_of(parts);
            if self.schedule.account_of(&id) != Some(&account) {
                self.schedule.requeue(&id, &account, due);
            }
        }
    }
}
