//! Decisions, pure: values in, values out, no clock, no I/O.

pub mod retry;
pub mod rewrite;
pub mod route;
pub mod trouble;
