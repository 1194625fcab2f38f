//! Changes that people make to queued messages, made by the runner: it holds the lock, and it knows which message a
//! session is working on. What a change does to the spool is `control::modify`'s.

use std::sync::mpsc::Sender;

use super::state::QueueState;
use crate::control::modify::{AuthorisedChange, Change, Changed};
use crate::control::protocol::Response;
use crate::spool::MessageId;

impl QueueState {
    /// Makes the change and reports what became of each message.
    pub(super) fn modify(&mut self, change: &AuthorisedChange, responses: &Sender<Response>) {
        // The requester may have gone; the change is made all the same.
        let report = |response| drop(responses.send(response));
        match change.messages(&self.loaded) {
            Ok(ids) => ids.into_iter().for_each(|id| report(self.modify_one(change, &id))),
            Err(error) => report(Response::Unchanged { id: String::new(), reason: error.to_string() }),
        }
        match change.apply_to_names(&self.loaded) {
            Ok(changed) => {
                for (name, changed) in changed {
                    if let Ok(Changed::As(id)) = &changed {
                        self.load(id.clone());
                    }
                    report(Response::of_change(&name, changed));
                }
                // Submissions go back to raw/.
                self.intake.pick_up_again();
            }
            Err(error) => report(Response::Unchanged { id: String::new(), reason: error.to_string() }),
        }
        // An ordinary user may delete, and must not have relays in trouble probed.
        if change.change() != Change::Delete {
            self.end_backoffs();
        }
        report(Response::Finished);
    }

    fn modify_one(&mut self, change: &AuthorisedChange, id: &MessageId) -> Response {
        if self.schedule.is_active(id) {
            let reason = "it is being sent; try again in a moment".to_owned();
            return Response::Unchanged { id: id.to_string(), reason };
        }
        let changed = change.apply(&self.loaded, id);
        if let Ok(Changed::As(new)) = &changed {
            self.load(new.clone());
        }
        match change.change() {
            Change::Hold | Change::Delete if matches!(changed, Ok(Changed::Done)) => {
                self.schedule.remove(id);
                self.digests.remove(id);
                self.flushes.drop_message(id);
            }
            Change::Hold | Change::Delete => {}
            Change::Readmit => {
                // It is scheduled by what it was before: its recipients may go another way now.
                self.schedule.remove(id);
                self.load(id.clone());
            }
            Change::Release | Change::Retry => {
                self.load(id.clone());
                self.schedule.make_due(id, self.now());
            }
        }
        Response::of_change(id.as_str(), changed)
    }
}
