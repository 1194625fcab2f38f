//! The wire format of a submission, over the socket and in drop/: its framing and its envelope.

pub mod envelope;
pub(crate) mod envelope_json;
pub mod frame;
pub mod reply;
pub mod submission;
