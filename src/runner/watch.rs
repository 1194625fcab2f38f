//! Who watches the runner: a `flush -v` on this terminal or over the control socket.
//! Steps of sessions and results of messages are told to everybody who asked.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use super::settle::Settled;
use crate::deliver::observe::{Observer, Step};

/// What a watcher is told.
#[derive(Debug, Clone)]
pub enum Told {
    /// One line of a conversation, marked as people read it (`>`, `<`, `-`).
    Step(String),
    /// A message was attempted.
    Result(Settled),
    /// A message could not be attempted: id, reason.
    Waiting(String, String),
    /// So many messages will be attempted.
    Asked(usize),
    /// A message was changed as asked: id.
    Changed(String),
    /// A message was not changed: id, reason.
    Unchanged(String, String),
    /// What is being sent just now: ids.
    Active(Vec<String>),
    /// Everything that was asked for has been attempted.
    Finished,
}

/// The list of those who watch.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<Vec<Sender<Told>>>);

impl Watchers {
    /// Adds one; it leaves by dropping its receiver.
    pub fn add(&self, watcher: Sender<Told>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }

    /// Tells all; who is gone is forgotten.
    pub fn tell(&self, told: &Told) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.send(told.clone()).is_ok());
    }

    fn nobody(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// A session's observer that passes every step on to the watchers.
#[derive(Debug)]
pub struct Relayed(pub Arc<Watchers>);

impl Observer for Relayed {
    fn step(&mut self, step: Step<'_>) {
        if self.0.nobody() {
            return;
        }
        let line = match step {
            Step::Note(text) => format!("- {text}"),
            Step::Sent(text) => format!("> {text}"),
            Step::Received(text) => format!("< {text}"),
        };
        self.0.tell(&Told::Step(line));
    }
}
