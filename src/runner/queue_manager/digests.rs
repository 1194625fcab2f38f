//! Sends digests when they are due, and records them in the messages that they report.
//!
//! A digest is stored like any message and names the messages that it reports in its envelope. Their journals are
//! marked afterwards, when the digest is loaded: now, or by the next runner if a crash comes in between. So no message
//! is marked before its digest is on disk, and a crash between the two writes loses neither.

use jiff::Timestamp;

use super::account_queue::later;
use super::round_robin::Origin;
use super::state::QueueState;
use crate::log;
use crate::runner::completion::digest::{self, Made, Marked};
use crate::runner::result::OwedReport;
use crate::spool::{Envelope, MessageId};

impl QueueState {
    /// Adds the message to a digest.
    pub(super) fn owe_digest(&mut self, id: &MessageId, owes: OwedReport) {
        self.digests.add(id.clone(), owes.to, later(self.now(), owes.wait));
    }

    /// Stores the digests that are due.
    pub(super) fn send_digests(&mut self, now: Timestamp) {
        for (to, mut ids) in self.digests.take_due(now) {
            // A message that is being attempted is added again after the attempt.
            ids.retain(|id| !self.schedule.is_active(id));
            let all = ids.clone();
            // One digest holds a limited amount of text. `make` takes from `ids` what fits, and every round takes at
            // least one.
            while !ids.is_empty() {
                match digest::make(&self.loaded, &to, &mut ids) {
                    Ok(Made { digest, unread }) => {
                        let due = later(now, self.loaded.config.queue.retry_min);
                        for id in unread {
                            self.digests.add(id, to.clone(), due);
                        }
                        if let Some(digest) = digest {
                            self.load(digest);
                        }
                    }
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
                // No attempt is going to report it, so a flush that still waited for it would never finish.
                if !self.schedule.contains(&id) {
                    self.flushes.drop_message(&id);
                }
            }
            self.report_all_backoffs();
        }
    }

    /// Called before a digest is sent: records it in the journal of every message that it reports. Messages with
    /// nothing else to wait for are attempted once more, which removes them.
    pub(super) fn mark_reported(&mut self, envelope: &Envelope) {
        for id in &envelope.reports {
            match digest::mark(&self.loaded, id, &envelope.id) {
                Ok(Marked::Yes { account }) => {
                    self.digests.remove(id);
                    let now = self.now();
                    self.schedule.add(id.clone(), &account, Origin::default(), now);
                }
                Ok(Marked::Before) => {}
                // Another digest will report it. Reporting twice is better than never.
                Err(error) => log::warning(format_args!("{id}: {error}")),
            }
        }
    }
}
