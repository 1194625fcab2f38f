//! The submission as it crosses the socket or lies in drop/: its framing and its envelope.

pub mod envelope;
mod envelope_json;
pub mod frame;
pub mod reply;
pub mod submission;
