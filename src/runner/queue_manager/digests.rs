//! Sending digests when they are due, and what a message does while it waits for one.

use jiff::Timestamp;

use super::round_robin::Origin;
use super::scheduler::later;
use super::state::QueueState;
use crate::log;
use crate::runner::completion::digest::{self, Marked};
use crate::runner::result::OwedReport;
use crate::spool::{Envelope, MessageId};

impl QueueState {
    /// The message is to be named in a digest.
    pub(super) fn owe_digest(&mut self, id: &MessageId, owes: OwedReport) {
        self.digests.add(id.clone(), owes.to, later(self.now(), owes.wait));
    }

    /// Stores the digests that are due.
    pub(super) fn send_digests(&mut self, now: Timestamp) {
        for (to, mut ids) in self.digests.take_due(now) {
            // A message that is being attempted is added again when that is over.
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
                            self.flushes.report_waiting(&id, &error.to_string());
                            self.digests.add(id, to.clone(), due);
                        }
                    }
                }
            }
            for id in all {
                if !self.schedule.contains(&id) {
                    self.flushes.drop_message(&id);
                }
            }
            self.report_all_backoffs();
        }
    }

    /// A digest is about to be sent: first, every message that it names gets it into its journal. Those with nothing
    /// else to wait for are attempted once more, and leave.
    pub(super) fn mark_reported(&mut self, envelope: &Envelope) {
        for id in &envelope.reports {
            match digest::mark(&self.loaded, id, &envelope.id) {
                Ok(Marked::Yes { account }) => {
                    self.digests.remove(id);
                    let now = self.now();
                    self.schedule.add(id.clone(), &account, Origin::default(), now);
                }
                Ok(Marked::Before) => {}
                // Another digest will name it: reporting twice is better than not at all.
                Err(error) => log::warning(format_args!("{id}: {error}")),
            }
        }
    }
}
