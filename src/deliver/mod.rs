//! Mail out: one attempt's plan, the session with the relay, reports. The only door
//! to lettre's client types.

mod body;
pub mod bounce;
pub mod capabilities;
pub mod command;
pub mod content;
pub mod digest;
pub mod dsn;
mod envelope;
mod ledger;
pub mod letter;
pub mod lines;
mod login;
pub mod observe;
mod open;
pub mod plan;
mod pump;
mod race;
pub mod reply;
mod resolve;
pub mod sasl;
pub mod session;
pub mod stream;
mod timeouts;
mod transaction;
mod wire;

#[cfg(test)]
mod scripted;
