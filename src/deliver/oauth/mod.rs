//! OAuth 2.0 tokens for logins (RFC 6749): how they are asked for (`request`), where what must last is kept (`stored`), and how all
//! sessions of a process share one access token (`source`). `postrider login` is the command that begins it.

pub mod request;
pub mod source;
pub mod stored;
