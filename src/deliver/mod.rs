//! Mail out: the plan of an attempt, the session with the relay, and reports. The only user of lettre's client types.

pub mod confidential;
pub mod digest;
pub mod dsn;
pub mod history_record;
pub mod oauth;
pub mod outgoing;
pub mod plan;
pub mod smtp;
