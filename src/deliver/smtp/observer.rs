//! Who watches a session: each line of the conversation, secrets masked before they get here.

/// One thing that happened in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// A stage is behind us: address looked up, connected, greeted, TLS, logged in.
    Reached(&'a str),
    /// Another remark of ours: what a certificate says, what is left out, what is tried next.
    Note(&'a str),
    /// A line we sent, without CRLF, secrets masked.
    Sent(&'a str),
    /// A reply line we received, cleaned.
    Received(&'a str),
}

/// Told of every step as it happens.
pub trait Observer: Send {
    /// One step.
    fn step(&mut self, step: Step<'_>);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Observer for Nobody {
    fn step(&mut self, _step: Step<'_>) {}
}
