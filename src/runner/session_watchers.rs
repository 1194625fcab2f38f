//! Who watches sessions: a `flush -v` in this process or on a socket. Each is sent the steps of sessions while they
//! serve the messages that it asked for.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use parking_lot::Mutex;

use crate::control::protocol::Response;
use crate::deliver::smtp::observer::{Observer, Step};
use crate::spool::MessageId;

#[derive(Debug)]
struct Watcher {
    /// The messages that it asked for.
    asked: HashSet<MessageId>,
    steps: Sender<Response>,
}

/// All who watch sessions of this runner.
#[derive(Debug, Default)]
pub struct SessionWatchers(Mutex<Vec<Watcher>>);

impl SessionWatchers {
    /// Adds one that asked for these messages. It leaves by dropping its receiver.
    pub fn add(&self, asked: HashSet<MessageId>, steps: Sender<Response>) {
        self.0.lock().push(Watcher { asked, steps });
    }

    /// Sends a step to those who asked for the message, and forgets those who have left.
    fn send(&self, id: &MessageId, step: &Step<'_>) {
        let mut list = self.0.lock();
        if list.is_empty() {
            return;
        }
        let line = match step {
            Step::Reached(text) | Step::Note(text) => format!("- {text}"),
            Step::Sent(text) => format!("> {text}"),
            Step::Received(text) => format!("< {text}"),
        };
        list.retain(|watcher| {
            !watcher.asked.contains(id) || watcher.steps.send(Response::Step { line: line.clone() }).is_ok()
        });
    }
}

/// The message that a session is serving; none while it opens for the first.
#[derive(Debug, Clone, Default)]
pub struct CurrentMessage(Arc<Mutex<Option<MessageId>>>);

impl CurrentMessage {
    /// From now on, this one.
    pub fn set(&self, id: &MessageId) {
        *self.0.lock() = Some(id.clone());
    }
}

/// A session's observer. It belongs to the session, which outlives one message, so it looks up whom each step is for.
#[derive(Debug)]
pub struct WatchedSession {
    /// Who may be interested.
    pub watchers: Arc<SessionWatchers>,
    /// Whose message the session is serving.
    pub current: CurrentMessage,
}

impl Observer for WatchedSession {
    fn step(&mut self, step: Step<'_>) {
        if let Some(id) = &*self.current.0.lock() {
            self.watchers.send(id, &step);
        }
    }
}
