//! Changes that people ask of a running queue: made at once, unless a session works on the
//! message, and the schedule follows. What a change does to the spool is `control::modify`'s.

use std::sync::mpsc::Sender;

use super::event_loop::Engine;
use crate::control::modify::{self, Change, Changed};
use crate::control::selection::Selection;
use crate::runner::session_watchers::Told;
use crate::spool::{MessageId, SpoolError};

impl Engine {
    /// Makes the change where no session works on the message, and tells of each.
    pub(crate) fn change(&mut self, change: Change, selection: &Selection, answers: &Sender<Told>) {
        // Who asked may have gone; the change is made all the same.
        let tell = |told| drop(answers.send(told));
        match modify::chosen(&self.settings, change, selection) {
            Ok(ids) => {
                for id in ids {
                    tell(self.change_one(change, &id));
                }
            }
            Err(error) => tell(Told::Unchanged(String::new(), error.to_string())),
        }
        self.end_rests();
        tell(Told::Finished);
    }

    fn change_one(&mut self, change: Change, id: &MessageId) -> Told {
        if self.schedule.is_active(id) {
            return Told::Unchanged(id.to_string(), "it is being sent; try again in a moment".to_owned());
        }
        let changed = modify::apply(&self.settings, change, id);
        match change {
            Change::Hold | Change::Delete if matches!(changed, Ok(Changed::Yes)) => {
                self.schedule.forget(id);
                self.owed.forget(id);
                self.strike_off(id);
            }
            Change::Hold | Change::Delete => {}
            Change::Readmit => {
                // Scheduled by what it was before: its recipients may go another way now.
                self.schedule.forget(id);
                self.take_in(id.clone());
            }
            Change::Release | Change::Retry => {
                self.take_in(id.clone());
                self.schedule.hurry(id, self.now());
            }
        }
        told(id, changed)
    }
}

/// As it is told to whoever asked.
#[must_use]
pub fn told(id: &MessageId, changed: Result<Changed, SpoolError>) -> Told {
    match changed {
        Ok(Changed::Yes | Changed::WasSo) => Told::Changed(id.to_string()),
        Ok(Changed::No(reason)) => Told::Unchanged(id.to_string(), reason),
        Err(error) => Told::Unchanged(id.to_string(), error.to_string()),
    }
}
