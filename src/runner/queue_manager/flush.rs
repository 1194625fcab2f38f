//! Errands: a flush asks for messages to be attempted now, and is told of each until
//! the last has been.

use std::collections::HashSet;
use std::sync::mpsc::Sender;

use super::event_loop::{Engine, Until};
use crate::control::access::AuthorisedSelection;
use crate::control::protocol::Response;
use crate::runner::completion::settle::{Settled, Then};
use crate::spool::MessageId;

/// A flush that is not finished.
#[derive(Debug)]
pub(crate) struct FlushRequest {
    /// What is still to be attempted for it.
    left: HashSet<MessageId>,
    answers: Sender<Response>,
}

impl Engine {
    /// Attempts these now; results go to `answers`.
    pub fn flush(&mut self, selection: &AuthorisedSelection, answers: Sender<Response>) {
        let now = self.now();
        self.settings.refresh();
        let left = self.selected(selection);
        for id in &left {
            self.schedule.hurry(id, now);
        }
        self.owed.hurry(|id| left.contains(id), now);
        // A relay in trouble is not anybody's to knock at as often as he likes.
        if selection.scope().is_everything() {
            self.end_rests();
        }
        // Who asked may have gone.
        let _ = answers.send(Response::Asked { messages: left.len() });
        // What servers say is for those alone who see everybody's mail; for others it would only pile up.
        if selection.scope().is_everything() {
            self.settings.watchers.add(left.clone(), answers.clone());
        }
        self.errands.push(FlushRequest { left, answers });
        if self.until == Until::Errands {
            for id in self.schedule.idle() {
                if !self.errands.iter().any(|errand| errand.left.contains(&id)) {
                    self.schedule.forget(&id);
                }
            }
        }
        for account in self.accounts_in_trouble() {
            self.tell_resting(&account);
        }
    }

    fn selected(&self, selection: &AuthorisedSelection) -> HashSet<MessageId> {
        self.schedule.ids().chain(self.owed.ids()).filter(|id| self.is_selected(id, selection)).cloned().collect()
    }

    fn is_selected(&self, id: &MessageId, selection: &AuthorisedSelection) -> bool {
        let account = || self.schedule.account_of(id).unwrap_or_default().to_owned();
        if !selection.names(id) {
            return false;
        }
        if !selection.looks_inside() {
            return selection.asked().account.as_deref().is_none_or(|asked| account() == asked);
        }
        let envelope = selection.read(&self.settings.spool, id);
        envelope.is_ok_and(|envelope| selection.includes(&envelope, account, &self.settings.clock))
    }

    pub(crate) fn strike_off(&mut self, id: &MessageId) {
        for errand in &mut self.errands {
            errand.left.remove(id);
        }
    }

    pub(crate) fn tell_waiting(&mut self, id: &MessageId, reason: &str) {
        self.tell_of(id, &Response::Waiting { id: id.clone(), reason: reason.to_owned() });
    }

    /// The message was attempted: those who asked for it are told, others are not.
    pub(crate) fn tell_result(&mut self, settled: Settled) {
        let Settled { id, delivered, refused, waiting, reason, then, .. } = settled;
        let waiting = if then == Then::Gone { 0 } else { waiting };
        self.tell_of(&id.clone(), &Response::Result { id, delivered, refused, waiting, reason });
    }

    fn tell_of(&mut self, id: &MessageId, told: &Response) {
        for errand in &mut self.errands {
            if errand.left.remove(id) {
                // Who asked may have gone.
                let _ = errand.answers.send(told.clone());
            }
        }
    }

    /// What rests with its account cannot be attempted for a flush.
    pub(crate) fn tell_resting(&mut self, account: &str) {
        let now = self.now();
        if self.errands.is_empty() || self.schedule.resting(account).is_none_or(|rest| rest.until <= now) {
            return;
        }
        let reason = self.health.get(account).map_or_else(String::new, |sick| sick.reason.clone());
        self.schedule.wake(now);
        for id in self.schedule.idle_of(account) {
            self.tell_waiting(&id, &format!("account {account}: {reason}"));
        }
    }

    /// Answers those that are done, and all when the runner is to end.
    pub(crate) fn finish_errands(&mut self) {
        if self.stopping {
            let left = self.errands.iter().flat_map(|errand| errand.left.iter());
            let idle: Vec<MessageId> = left.filter(|id| !self.schedule.is_active(id)).cloned().collect();
            for id in idle {
                self.tell_waiting(&id, "the runner is stopping");
            }
        }
        self.errands.retain(|errand| {
            let finished = errand.left.is_empty();
            if finished {
                // Who asked may have gone.
                let _ = errand.answers.send(Response::Finished);
            }
            !finished
        });
    }
}
