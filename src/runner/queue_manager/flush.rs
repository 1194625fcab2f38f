//! A flush: the requested messages are due now, and the requester gets a response for each until the last was
//! attempted.
//!
//! Every requested message is reported exactly once, or dropped because it is gone; the request finishes when none is
//! left. So each path that ends an attempt, prevents one, or takes a message out of the schedule must tell `flushes`.
//! If one forgot, `postrider flush` would wait without end.

use std::collections::HashSet;
use std::sync::mpsc::Sender;

use super::state::{QueueState, Until};
use crate::config::mailbox::shown_account;
use crate::control::access::AuthorisedSelection;
use crate::control::protocol::{Detail, Response};
use crate::spool::MessageId;

impl QueueState {
    /// Handles a flush request, with the queue and the configuration as they are now.
    pub(super) fn on_flush(&mut self, selection: &AuthorisedSelection, detail: Detail, responses: Sender<Response>) {
        self.metrics.flushed();
        if selection.scope().is_everything() {
            self.reload_if_changed();
            self.rescan_or_later();
        } else {
            // A user names messages. The whole queue is not scanned for one user.
            selection.asked().ids.iter().for_each(|id| self.load(id.clone()));
        }
        self.flush(selection, detail, responses);
    }

    /// Makes these messages due now and reports each result to `responses`.
    pub(super) fn flush(&mut self, selection: &AuthorisedSelection, detail: Detail, responses: Sender<Response>) {
        let now = self.now();
        self.loaded.refresh();
        if selection.scope().is_everything() && self.until != Until::Flushed {
            // Before the messages are selected, so that the requester hears what becomes of them.
            let waiting = self.floods.waiting();
            let asked =
                waiting.filter(|(id, account)| self.is_selected(id, account, selection)).map(|(id, _)| id.clone());
            let asked = asked.collect();
            self.send_now_together(&asked);
        }
        let selected = self.selected(selection);
        // An ordinary user must not be able to make the runner connect to a relay as often as they like.
        let mut is_paced = |id: &MessageId| !selection.scope().is_everything() && !self.owner_pace.take(id, now);
        let paced: HashSet<MessageId> = selected.iter().filter(|id| is_paced(id)).cloned().collect();
        for id in selected.difference(&paced) {
            self.schedule.make_due(id, now);
        }
        self.digests.make_due(|id| selected.contains(id) && !paced.contains(id), now);
        if selection.scope().is_everything() {
            self.end_backoffs();
        }
        self.make_parts_due(|id| selected.contains(id) && !paced.contains(id));
        // The requester may be gone.
        let _ = responses.send(Response::Asked { messages: selected.len() });
        // Only requesters that may see all mail get the session's steps. For others they would pile up unread.
        if selection.scope().is_everything() && detail == Detail::Conversation {
            self.watchers.add(selected.clone(), responses.clone());
        }
        // Added before any report below, because a report reaches only the requests that already wait for the message.
        self.flushes.add(selected, responses);
        for id in &paced {
            self.flushes.report_waiting(id, "it was tried at your request within the last minute");
        }
        if self.until == Until::Flushed {
            // This process flushes without the service and must leave all other mail as it found it.
            for id in self.schedule.idle() {
                if !self.flushes.wait_for(&id) {
                    self.schedule.remove(&id);
                }
            }
        }
        self.report_all_backoffs();
    }

    fn selected(&self, selection: &AuthorisedSelection) -> HashSet<MessageId> {
        let ids = self.schedule.ids().chain(self.digests.ids());
        let account_of = |id: &MessageId| self.schedule.account_of(id).unwrap_or_default();
        let selected = ids.filter(|id| self.is_selected(id, account_of(id), selection)).cloned();
        // Where a message leaves in a digest, what becomes of that is the answer.
        let is_selected = |id: &MessageId, digest: &MessageId| {
            self.schedule.contains(digest) && self.is_selected(id, account_of(digest), selection)
        };
        let in_digests = self.floods.covered().filter(|(id, digest)| is_selected(id, digest));
        selected.chain(in_digests.map(|(_, digest)| digest.clone())).collect()
    }

    fn is_selected(&self, id: &MessageId, account: &str, selection: &AuthorisedSelection) -> bool {
        if !selection.names(id) {
            return false;
        }
        if !selection.looks_inside() {
            return selection.asked().account.as_deref().is_none_or(|asked| shown_account(account) == asked);
        }
        let envelope = selection.read(&self.loaded.spool, id);
        envelope.is_ok_and(|envelope| selection.includes(&envelope, || account.to_owned(), &self.loaded.clock))
    }

    /// Reports to flushes that the messages of a backing-off account cannot be attempted.
    pub(super) fn report_backoff(&mut self, account: &str) {
        let Some(reason) = self.reason_to_wait(account) else { return };
        self.schedule.promote_due(self.now());
        for id in self.schedule.idle_of(account) {
            self.flushes.report_waiting(&id, &reason);
        }
    }

    /// The same for one message, which was being attempted when the backoff started.
    pub(super) fn report_backoff_to(&mut self, id: &MessageId, account: &str) {
        if let Some(reason) = self.reason_to_wait(account) {
            self.flushes.report_waiting(id, &reason);
        }
    }

    /// Why a flush must not wait for the account's messages; `None` if they can be attempted, or there is no flush.
    fn reason_to_wait(&self, account: &str) -> Option<String> {
        let until = self.schedule.backoff_of(account)?.until;
        let is_backing_off = !self.flushes.is_empty() && until > self.now();
        is_backing_off.then(|| format!("account {}: {}", shown_account(account), self.backoff.reason(account)))
    }

    /// The same for all accounts.
    pub(super) fn report_all_backoffs(&mut self) {
        for account in self.backoff.accounts() {
            self.report_backoff(&account);
        }
    }

    /// The runner is stopping: ends flushes except for messages that are being attempted.
    pub(super) fn give_up_flushes(&mut self) {
        let idle: Vec<MessageId> =
            self.flushes.waited_for().filter(|id| !self.schedule.is_active(id)).cloned().collect();
        for id in idle {
            self.flushes.report_waiting(&id, "the runner is stopping");
        }
    }
}
