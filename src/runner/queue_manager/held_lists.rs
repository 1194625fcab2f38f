//! Sends the lists of held mail when they are due.

use jiff::Timestamp;

use super::state::QueueState;
use crate::log;
use crate::runner::completion::held_notice;

impl QueueState {
    /// Stores the lists that are due.
    pub(super) fn list_held(&mut self, now: Timestamp) {
        let due = self.held_notices.take_due(now);
        if due.is_empty() {
            return;
        }
        for held in due {
            match held_notice::of_several(&self.loaded, &held) {
                Ok(Some(list)) => self.load(list),
                Ok(None) => {}
                Err(error) => {
                    log::warning(format_args!("{error}; the list of held mail will be created later"));
                    self.held_notices.put_back(held);
                }
            }
        }
        self.held_notices.listed();
    }
}
