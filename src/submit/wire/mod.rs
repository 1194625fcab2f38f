//! The submission as it crosses the socket or lies in drop/: its framing and its envelope.

pub mod envelope;
pub(crate) mod envelope_json;
pub mod frame;
pub mod reply;
pub mod submission;
