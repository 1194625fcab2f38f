//! Decisions, pure: values in, values out, no clock, no I/O.

pub mod account_replies;
pub mod advice;
pub mod aliases;
pub mod classify;
pub mod client_account;
pub mod consequence;
pub mod exposure;
pub mod flood;
pub mod inbound;
pub mod listener_certificate;
pub mod locality;
pub mod mail_loop;
pub mod map;
pub mod meaning;
pub mod null_sender;
pub mod outbound;
pub mod own_sender;
pub mod rate_limit;
pub mod remedy;
pub mod report_limit;
pub mod retry;
pub mod route;
pub mod server_order;
pub mod session_restarts;
pub mod submission;
pub mod trouble;
