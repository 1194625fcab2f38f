//! Flushed: a flush asks for messages to be attempted now, and is told of each until
//! the last has been.

use std::collections::HashSet;
use std::sync::mpsc::Sender;

use super::event_loop::{QueueManager, Until};
use crate::control::access::AuthorisedSelection;
use crate::control::protocol::Response;
use crate::runner::result::{AttemptResult, NextStep};
use crate::spool::MessageId;

/// A flush that is not finished.
#[derive(Debug)]
pub(crate) struct FlushRequest {
    /// What is still to be attempted for it.
    left: HashSet<MessageId>,
    answers: Sender<Response>,
}

impl QueueManager {
    /// Attempts these now; results go to `answers`.
    pub fn flush(&mut self, selection: &AuthorisedSelection, answers: Sender<Response>) {
        let now = self.now();
        self.loaded.refresh();
        let left = self.selected(selection);
        for id in &left {
            self.schedule.make_due(id, now);
        }
        self.digests.hurry(|id| left.contains(id), now);
        // A relay in trouble is not anybody's to knock at as often as he likes.
        if selection.scope().is_everything() {
            self.end_backoffs();
        }
        // Who asked may have gone.
        let _ = answers.send(Response::Asked { messages: left.len() });
        // What servers say is for those alone who see everybody's mail; for others it would only pile up.
        if selection.scope().is_everything() {
            self.context.watchers.add(left.clone(), answers.clone());
        }
        self.flushes.push(FlushRequest { left, answers });
        if self.until == Until::Flushed {
            for id in self.schedule.idle() {
                if !self.flushes.iter().any(|flush| flush.left.contains(&id)) {
                    self.schedule.remove(&id);
                }
            }
        }
        for account in self.accounts_in_trouble() {
            self.report_backoff(&account);
        }
    }

    fn selected(&self, selection: &AuthorisedSelection) -> HashSet<MessageId> {
        self.schedule.ids().chain(self.digests.ids()).filter(|id| self.is_selected(id, selection)).cloned().collect()
    }

    fn is_selected(&self, id: &MessageId, selection: &AuthorisedSelection) -> bool {
        let account = || self.schedule.account_of(id).unwrap_or_default().to_owned();
        if !selection.names(id) {
            return false;
        }
        if !selection.looks_inside() {
            return selection.asked().account.as_deref().is_none_or(|asked| account() == asked);
        }
        let envelope = selection.read(&self.loaded.spool, id);
        envelope.is_ok_and(|envelope| selection.includes(&envelope, account, &self.loaded.clock))
    }

    pub(crate) fn drop_from_flushes(&mut self, id: &MessageId) {
        for flush in &mut self.flushes {
            flush.left.remove(id);
        }
    }

    pub(crate) fn report_waiting(&mut self, id: &MessageId, reason: &str) {
        self.tell_of(id, &Response::Waiting { id: id.clone(), reason: reason.to_owned() });
    }

    /// Reports an attempt to those who asked for the message.
    pub(crate) fn report_result(&mut self, result: AttemptResult) {
        let AttemptResult { id, delivered, refused, waiting, reason, next_step, .. } = result;
        let waiting = if next_step == NextStep::Gone { 0 } else { waiting };
        self.tell_of(&id.clone(), &Response::Result { id, delivered, refused, waiting, reason });
    }

    fn tell_of(&mut self, id: &MessageId, response: &Response) {
        for flush in &mut self.flushes {
            if flush.left.remove(id) {
                // Who asked may have gone.
                let _ = flush.answers.send(response.clone());
            }
        }
    }

    /// What rests with its account cannot be attempted for a flush.
    pub(crate) fn report_backoff(&mut self, account: &str) {
        let now = self.now();
        if self.flushes.is_empty() || self.schedule.backoff_of(account).is_none_or(|rest| rest.until <= now) {
            return;
        }
        let reason = self.health.get(account).map_or_else(String::new, |sick| sick.reason.clone());
        self.schedule.promote_due(now);
        for id in self.schedule.idle_of(account) {
            self.report_waiting(&id, &format!("account {account}: {reason}"));
        }
    }

    /// Answers those that are done, and all when the runner is to end.
    pub(crate) fn finish_flushes(&mut self) {
        if self.stopping {
            let left = self.flushes.iter().flat_map(|flush| flush.left.iter());
            let idle: Vec<MessageId> = left.filter(|id| !self.schedule.is_active(id)).cloned().collect();
            for id in idle {
                self.report_waiting(&id, "the runner is stopping");
            }
        }
        self.flushes.retain(|flush| {
            let finished = flush.left.is_empty();
            if finished {
                // Who asked may have gone.
                let _ = flush.answers.send(Response::Finished);
            }
            !finished
        });
    }
}
