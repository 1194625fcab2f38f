//! One attempt to deliver one message: the worker thread of a session, the batches of
//! recipients that share a transaction, and what each reply makes of them. Recording the
//! outcome is `completion`'s.

pub mod account_access;
pub mod not_sent;
pub mod outcome;
pub mod recipient_batch;
pub mod worker;
