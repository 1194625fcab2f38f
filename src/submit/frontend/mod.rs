//! The front end of `sendmail`: reads the message and its recipients and submits it to the runner's socket or the
//! drop program. Uses no configuration and no privileges.

#[cfg(test)]
mod any_input;
pub mod client;
pub mod collect;
pub mod header_reader;
pub mod input;
pub mod recipients;
pub mod replay_buffer;
pub mod start_runner;
