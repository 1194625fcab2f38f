//! End-to-end tests: the real programs, in a world of their own, against a provider
//! that does what its script says. The crate `support` has both; here are the stories, each
//! of which reads as a sentence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must say so by panicking"
)]

mod cases;
mod scripted_provider;
