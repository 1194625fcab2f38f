//! Decisions, pure: values in, values out, no clock, no I/O.

pub mod advice;
mod aliases;
pub mod inbound;
pub mod map;
pub mod outbound;
pub mod rate_limit;
pub mod report_limit;
pub mod retry;
pub mod route;
pub mod trouble;
