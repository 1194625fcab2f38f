//! Mail out: one attempt's plan, the session with the relay, reports. The only door
//! to lettre's client types.

pub mod digest;
pub mod dsn;
pub mod history_record;
pub mod outgoing;
pub mod plan;
pub mod smtp;
