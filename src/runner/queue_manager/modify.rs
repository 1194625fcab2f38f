//! Changes that people make to queued messages. The runner makes them, because it holds the lock and knows which
//! messages are being sent. The effect on the spool is in `control::modify`.
//!
//! An active message is refused instead of waited for: its worker has the journal open, and a line that this thread
//! appended would be overwritten by the worker's next one. Everything else is safe here, because no message becomes
//! active except in this same thread.

use std::collections::BTreeSet;
use std::sync::mpsc::Sender;

use super::state::QueueState;
use crate::control::modify::{AuthorisedChange, Change, Changed};
use crate::control::protocol::Response;
use crate::spool::MessageId;

impl QueueState {
    /// Makes the change and reports the result for each message.
    pub(super) fn modify(&mut self, change: &AuthorisedChange, responses: &Sender<Response>) {
        // The requester may be gone. The change is made all the same.
        let report = |response| drop(responses.send(response));
        match change.messages(&self.loaded) {
            Ok(ids) => self.modify_all(change, ids, report),
            Err(error) => report(Response::Unchanged { id: String::new(), reason: error.to_string() }),
        }
        match change.apply_to_names(&self.loaded) {
            Ok(changed) => {
                for (name, changed) in changed {
                    if let Ok(Changed::As(id)) = &changed {
                        self.load_again(id.clone());
                    }
                    report(Response::of_change(&name, changed));
                }
                // Submissions went back to raw/.
                self.intake.pick_up_again();
            }
            Err(error) => report(Response::Unchanged { id: String::new(), reason: error.to_string() }),
        }
        // An ordinary user may delete, but must not have relays probed.
        if change.change() != Change::Delete {
            self.end_backoffs();
        }
        self.alarms.look_whether_over();
        report(Response::Finished);
    }

    /// Digests of the flood guard come first: what becomes of one decides what its originals wait for.
    fn modify_all(&mut self, change: &AuthorisedChange, mut ids: Vec<MessageId>, report: impl Fn(Response)) {
        ids.sort_by_key(|id| !self.floods.is_digest(id));
        let mut parted = Vec::new();
        for id in &ids {
            report(self.modify_one(change, id, &mut parted));
        }
        for rest in parted {
            self.send_together(rest);
        }
        if change.change() == Change::Retry {
            self.send_now_together(&ids.into_iter().collect());
        }
    }

    fn modify_one(
        &mut self,
        change: &AuthorisedChange,
        id: &MessageId,
        parted: &mut Vec<BTreeSet<MessageId>>,
    ) -> Response {
        let unchanged = |reason| Response::Unchanged { id: id.to_string(), reason };
        if self.schedule.is_active(id) {
            return unchanged("it is being sent; try again in a moment".to_owned());
        }
        let changes_content = matches!(change.change(), Change::Hold | Change::Delete | Change::Readmit);
        if changes_content && let Err(error) = self.take_out(id, parted) {
            return unchanged(error.to_string());
        }
        let changed = change.apply(&self.loaded, id);
        if let Ok(Changed::As(new)) = &changed {
            self.load(new.clone());
        }
        match change.change() {
            Change::Hold | Change::Delete if matches!(changed, Ok(Changed::Done)) => {
                self.schedule.remove(id);
                self.digests.remove(id);
                self.floods.remove(id);
                if change.change() == Change::Delete {
                    self.send_singly(id);
                }
                // Nothing will be attempted, so a flush must not wait for it.
                self.flushes.drop_message(id);
            }
            Change::Hold | Change::Delete => {}
            Change::Readmit => {
                // Scheduled from scratch, because its new recipients may use another account.
                self.schedule.remove(id);
                self.load_again(id.clone());
            }
            Change::Release | Change::Retry => {
                self.load_again(id.clone());
                // `load` leaves a known message as it is, also its time; this brings both cases to the same point.
                let due = self.floods.digest_of(id).unwrap_or(id).clone();
                self.schedule.make_due(&due, self.now());
            }
        }
        Response::of_change(id.as_str(), changed)
    }
}
