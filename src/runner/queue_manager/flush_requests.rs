//! Flush requests in progress: the messages that each still waits for, and where its responses go. `flush` changes
//! the schedule.

use std::collections::HashSet;
use std::sync::mpsc::Sender;

use crate::control::protocol::Response;
use crate::spool::MessageId;

#[derive(Debug)]
struct FlushRequest {
    /// Requested messages that are not attempted yet.
    left: HashSet<MessageId>,
    responses: Sender<Response>,
}

/// All requests that are not finished.
#[derive(Debug, Default)]
pub(super) struct FlushRequests(Vec<FlushRequest>);

impl FlushRequests {
    /// Adds a request for these messages.
    pub(super) fn add(&mut self, left: HashSet<MessageId>, responses: Sender<Response>) {
        self.0.push(FlushRequest { left, responses });
    }

    /// Whether there are no requests.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request waits for the message.
    pub(super) fn wait_for(&self, id: &MessageId) -> bool {
        self.0.iter().any(|request| request.left.contains(id))
    }

    /// The messages that requests wait for, possibly with duplicates.
    pub(super) fn waited_for(&self) -> impl Iterator<Item = &MessageId> {
        self.0.iter().flat_map(|request| &request.left)
    }

    /// Reports to all requests that wait for the message, and removes it from them.
    pub(super) fn report(&mut self, id: &MessageId, response: &Response) {
        for request in &mut self.0 {
            if request.left.remove(id) {
                // The requester may be gone.
                let _ = request.responses.send(response.clone());
            }
        }
    }

    /// Reports that the message could not be attempted.
    pub(super) fn report_waiting(&mut self, id: &MessageId, reason: &str) {
        self.report(id, &Response::Waiting { id: id.clone(), reason: reason.to_owned() });
    }

    /// The message will not be attempted any more. Removes it from all requests without a report.
    pub(super) fn drop_message(&mut self, id: &MessageId) {
        for request in &mut self.0 {
            request.left.remove(id);
        }
    }

    /// Finishes the requests that wait for nothing more.
    pub(super) fn finish(&mut self) {
        self.0.retain(|request| {
            let is_finished = request.left.is_empty();
            if is_finished {
                // The requester may be gone.
                let _ = request.responses.send(Response::Finished);
            }
            !is_finished
        });
    }
}
