//! One attempt to deliver one message: the worker thread of a session, the batches of recipients that share a
//! transaction, and the meaning of each reply for them. `completion` records the outcome.

mod account_access;
mod account_part;
mod carried;
mod exchanged;
mod kept_session;
pub mod mailbox_sessions;
mod mailbox_transactions;
mod not_sent;
mod opened_files;
mod outcome;
mod recipient_batch;
mod session_opener;
pub mod worker;
