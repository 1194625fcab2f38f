//! Errands: a flush asks for messages to be attempted now, and is told of each until
//! the last has been.

use std::collections::HashSet;
use std::sync::mpsc::Sender;

use jiff::Timestamp;

use super::control::Selection;
use super::engine::{Engine, Until};
use super::watch::Told as Watched;
use crate::spool::MessageId;

/// A flush that is not finished.
#[derive(Debug)]
pub(super) struct Errand {
    /// What is still to be attempted for it.
    left: HashSet<MessageId>,
    answers: Sender<Watched>,
}

impl Engine {
    /// Attempts these now; results go to `answers`.
    pub fn flush(&mut self, selection: &Selection, answers: Sender<Watched>) {
        let now = Timestamp::now();
        self.settings.refresh();
        let left = self.selected(selection);
        for id in &left {
            self.schedule.hurry(id, now);
        }
        if self.until == Until::Errands {
            for id in self.schedule.idle().into_iter().filter(|id| !left.contains(id)) {
                self.schedule.forget(&id);
            }
        }
        for account in self.accounts_in_trouble() {
            if self.may_probe_now(&account, now) {
                self.schedule.end_rest(&account);
            }
        }
        self.settings.watchers.add(answers.clone());
        self.errands.push(Errand { left, answers });
    }

    fn selected(&self, selection: &Selection) -> HashSet<MessageId> {
        let matches = |id: &&MessageId| {
            (selection.ids.is_empty() || selection.ids.contains(id))
                && selection.account.as_deref().is_none_or(|name| self.schedule.account_of(id) == Some(name))
                && selection.sender.as_deref().is_none_or(|sender| self.is_from(id, sender))
        };
        self.schedule.ids().filter(matches).cloned().collect()
    }

    fn is_from(&self, id: &MessageId, sender: &str) -> bool {
        let stored = self.settings.spool.open_message(id);
        stored.is_ok_and(|stored| stored.envelope.sender.to_string().eq_ignore_ascii_case(sender))
    }

    pub(super) fn strike_off(&mut self, id: &MessageId) {
        for errand in &mut self.errands {
            errand.left.remove(id);
        }
    }

    pub(super) fn tell_waiting(&mut self, id: &MessageId, reason: &str) {
        if self.errands.iter().any(|errand| errand.left.contains(id)) {
            self.settings.watchers.tell(&Watched::Waiting(id.to_string(), reason.to_owned()));
        }
        self.strike_off(id);
    }

    /// What rests with its account cannot be attempted for a flush; then answers those that are done.
    pub(super) fn finish_errands(&mut self, now: Timestamp) {
        let resting: Vec<MessageId> = self.errands.iter().flat_map(|errand| errand.left.iter()).cloned().collect();
        for id in resting {
            let Some(account) = self.schedule.account_of(&id).map(str::to_owned) else {
                self.strike_off(&id);
                continue;
            };
            let rests = self.schedule.resting(&account).is_some_and(|rest| rest.until > now);
            if (rests && !self.schedule.is_active(&id)) || self.stopping {
                let reason = self.health.get(&account).map_or_else(String::new, |sick| sick.reason.clone());
                self.tell_waiting(&id, &format!("account {account}: {reason}"));
            }
        }
        self.errands.retain(|errand| {
            let finished = errand.left.is_empty();
            if finished {
                // Who asked may have gone.
                let _ = errand.answers.send(Watched::Finished);
            }
            !finished
        });
    }
}
