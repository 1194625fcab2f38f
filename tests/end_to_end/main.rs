//! End-to-end tests: the real programs, in a world of their own, against a provider
//! that does what its script says. `world` builds the stage, `provider` is the other
//! side of the wire, `cases` are the stories; each test reads as a sentence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must say so by panicking"
)]

mod cases;
mod provider;
mod world;
