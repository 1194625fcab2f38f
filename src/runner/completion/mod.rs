//! What follows an attempt: outcomes recorded, DSNs and digests sent, finished messages
//! removed, and the alert when an account needs its owner.

mod addressee;
pub mod alert;
pub mod batch_finish;
pub mod digest;
pub mod dsn;
mod due_report;
pub mod flood_digest;
pub(crate) mod held_notice;
pub(crate) mod postmaster_notice;
mod returned_text;
pub mod settle;
pub(crate) mod settlement;
pub mod stored_report;
