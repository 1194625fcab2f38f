//! Decisions, pure: values in, values out, no clock, no I/O.

pub mod advice;
mod aliases;
pub mod allowance;
pub mod arrival;
pub mod map;
pub mod pace;
pub mod retry;
pub mod rewrite;
pub mod route;
pub mod trouble;
