//! Observers of a session: they receive each line of the dialogue, with secrets already masked.

use super::interruption::Interruption;

/// An event in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// A stage is complete: the address is known, connected, greeted, TLS, logged in.
    Reached(&'a str),
    /// Another remark of our own: what a certificate says, what is left out, what is tried next.
    Note(&'a str),
    /// A line that we sent, without CRLF and with secrets masked.
    Sent(&'a str),
    /// A line of a reply, cleaned for display.
    Received(&'a str),
}

/// Receives every step as it happens.
pub trait Observer: Send {
    /// Handles one step.
    fn step(&mut self, step: Step<'_>);

    /// What may end the waiting of the session until it is open; `None`: nothing.
    fn interruption(&self) -> Option<Interruption> {
        None
    }
}

/// An observer that ignores everything.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Observer for Nobody {
    fn step(&mut self, _step: Step<'_>) {}
}
