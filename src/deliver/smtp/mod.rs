//! The SMTP client: connecting, TLS, AUTH, transactions, and parsing replies. `rules` decides what a reply means for
//! a message.

pub mod auth;
pub mod capabilities;
pub mod command;
pub mod connect;
pub mod connection;
mod credential;
pub mod data;
pub mod dns;
pub mod dot_stuffing;
pub mod dsn_parameters;
mod greeting;
pub mod happy_eyeballs;
pub mod host_status;
pub mod interruption;
pub mod limits;
pub mod lines;
mod lmtp;
pub mod login_history;
mod not_opened;
pub mod observer;
mod parameters;
pub mod pipeline;
pub mod prepare;
pub mod recipient_states;
pub mod reply;
mod resolve;
pub mod sasl;
#[cfg(test)]
mod scripted;
pub mod session;
pub mod socket;
mod starttls;
pub mod stream;
pub mod timeouts;
pub mod transaction;
