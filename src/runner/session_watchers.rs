//! Who watches sessions: a `flush -v` in this process or on a socket. Each is sent the steps of
//! sessions while they serve the messages that it asked for.

use std::collections::HashSet;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::control::protocol::Response;
use crate::deliver::smtp::observer::{Observer, Step};
use crate::spool::MessageId;

/// Somebody who watches.
#[derive(Debug)]
struct Watcher {
    /// The messages that are asked for.
    asked: HashSet<MessageId>,
    steps: Sender<Response>,
}

/// The list of those who watch.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<Vec<Watcher>>);

impl Watchers {
    /// Adds one who asked for these messages; it leaves by dropping its receiver.
    pub fn add(&self, asked: HashSet<MessageId>, steps: Sender<Response>) {
        self.list().push(Watcher { asked, steps });
    }

    /// Tells those who asked for this message of a step in its session; who is gone is forgotten.
    fn tell(&self, id: &MessageId, step: &Step<'_>) {
        let mut list = self.list();
        if list.is_empty() {
            return;
        }
        let line = match step {
            Step::Note(text) => format!("- {text}"),
            Step::Sent(text) => format!("> {text}"),
            Step::Received(text) => format!("< {text}"),
        };
        list.retain(|watcher| {
            !watcher.asked.contains(id) || watcher.steps.send(Response::Step { line: line.clone() }).is_ok()
        });
    }

    fn list(&self) -> MutexGuard<'_, Vec<Watcher>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message that a session is at work for.
#[derive(Debug, Clone, Default)]
pub struct Serving(Arc<Mutex<Option<MessageId>>>);

impl Serving {
    /// From now on, this one.
    pub fn begin(&self, id: &MessageId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
    }
}

/// A session's observer that passes every step on to those who asked for the message that it serves.
#[derive(Debug)]
pub struct Relayed {
    /// Who watches.
    pub watchers: Arc<Watchers>,
    /// What it serves.
    pub serving: Serving,
}

impl Observer for Relayed {
    fn step(&mut self, step: Step<'_>) {
        if let Some(id) = &*self.serving.0.lock().unwrap_or_else(PoisonError::into_inner) {
            self.watchers.tell(id, &step);
        }
    }
}
