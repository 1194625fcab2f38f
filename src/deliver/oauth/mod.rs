//! OAuth 2.0 tokens for logins (RFC 6749): how they are asked for (`request`; `reply` reads what is granted, `clock` compares
//! clocks), where what must last is kept (`stored`), and how all
//! sessions of a process share one access token (`source`). `postrider login` is the command that begins it.

mod clock;
mod reply;
pub mod request;
pub mod source;
pub mod stored;
