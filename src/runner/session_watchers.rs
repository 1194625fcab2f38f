//! Commands that follow sessions: `flush -v` in this process or over a socket. Each receives the steps of sessions
//! while these work on the messages that it requested.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use parking_lot::Mutex;

use crate::control::protocol::Response;
use crate::deliver::smtp::interruption::Interruption;
use crate::deliver::smtp::observer::{Observer, Step};
use crate::spool::MessageId;

#[derive(Debug)]
struct Watcher {
    /// The requested messages.
    asked: HashSet<MessageId>,
    steps: Sender<Response>,
}

/// All commands that follow sessions of this runner.
#[derive(Debug, Default)]
pub struct SessionWatchers(Mutex<Vec<Watcher>>);

impl SessionWatchers {
    /// Adds a command that requested these messages. It unsubscribes by dropping its receiver.
    pub fn add(&self, asked: HashSet<MessageId>, steps: Sender<Response>) {
        self.0.lock().push(Watcher { asked, steps });
    }

    /// Sends a step to those that requested the message, and drops those that are gone.
    ///
    /// The channel has no bound, so a watcher that reads slowly costs memory but never delays a session.
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

/// The message that a session is working on; `None` while it opens for its first one.
#[derive(Debug, Clone, Default)]
pub struct CurrentMessage(Arc<Mutex<Option<MessageId>>>);

impl CurrentMessage {
    /// Sets the message.
    pub fn set(&self, id: &MessageId) {
        *self.0.lock() = Some(id.clone());
    }
}

/// A session's observer. The session outlives a message, so the observer looks up which message each step belongs to.
#[derive(Debug)]
pub struct WatchedSession {
    /// The possible receivers.
    pub watchers: Arc<SessionWatchers>,
    /// The message that the session is working on.
    pub current: CurrentMessage,
    /// Ends the waiting until the session is open.
    pub interruption: Interruption,
}

impl Observer for WatchedSession {
    fn step(&mut self, step: Step<'_>) {
        if let Some(id) = &*self.current.0.lock() {
            self.watchers.send(id, &step);
        }
    }

    fn interruption(&self) -> Option<Interruption> {
        Some(self.interruption.clone())
    }
}
