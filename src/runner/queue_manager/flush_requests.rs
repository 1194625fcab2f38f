//! Flush requests in progress: which messages each still waits for, and where its responses go. What a flush does to
//! the schedule is `flush`'s.

use std::collections::HashSet;
use std::sync::mpsc::Sender;

use crate::control::protocol::Response;
use crate::spool::MessageId;

#[derive(Debug)]
struct FlushRequest {
    /// Messages that are still to be attempted for it.
    left: HashSet<MessageId>,
    responses: Sender<Response>,
}

/// All that are not finished.
#[derive(Debug, Default)]
pub(super) struct FlushRequests(Vec<FlushRequest>);

impl FlushRequests {
    /// Adds one for these messages.
    pub(super) fn add(&mut self, left: HashSet<MessageId>, responses: Sender<Response>) {
        self.0.push(FlushRequest { left, responses });
    }

    /// Whether all are finished.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them waits for the message.
    pub(super) fn wait_for(&self, id: &MessageId) -> bool {
        self.0.iter().any(|request| request.left.contains(id))
    }

    /// The messages that they wait for; one may be named several times.
    pub(super) fn waited_for(&self) -> impl Iterator<Item = &MessageId> {
        self.0.iter().flat_map(|request| &request.left)
    }

    /// Responds to those that wait for the message, which do so no longer.
    pub(super) fn report(&mut self, id: &MessageId, response: &Response) {
        for request in &mut self.0 {
            if request.left.remove(id) {
                // The requester may have gone.
                let _ = request.responses.send(response.clone());
            }
        }
    }

    /// Responds that the message could not be attempted.
    pub(super) fn report_waiting(&mut self, id: &MessageId, reason: &str) {
        self.report(id, &Response::Waiting { id: id.clone(), reason: reason.to_owned() });
    }

    /// A message is not to be attempted any more: nobody waits for it, or hears of it.
    pub(super) fn drop_message(&mut self, id: &MessageId) {
        for request in &mut self.0 {
            request.left.remove(id);
        }
    }

    /// Ends those that wait for nothing more.
    pub(super) fn finish(&mut self) {
        self.0.retain(|request| {
            let is_finished = request.left.is_empty();
            if is_finished {
                // The requester may have gone.
                let _ = request.responses.send(Response::Finished);
            }
            !is_finished
        });
    }
}
