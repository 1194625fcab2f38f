//! The server side of SMTP: a dialogue without I/O, its policy, and the loop that runs it over a stream. A
//! [`policy::Policy`] receives accepted messages.

pub mod auth;
pub mod command;
pub mod dialogue;
pub mod dot_unstuffing;
pub mod incoming;
pub mod policy;
pub mod reply;
mod scram;
pub mod serve;
