//! Mail out: one attempt's plan, the session with the relay, reports. The only door
//! to lettre's client types.

pub mod bounce;
pub mod capabilities;
pub mod command;
pub mod content;
pub mod letter;
pub mod observe;
mod open;
pub mod plan;
mod pump;
pub mod reply;
pub mod sasl;
pub mod session;
pub mod stream;
mod timeouts;
mod transaction;
mod wire;

#[cfg(test)]
mod scripted;
