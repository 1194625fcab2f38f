//! What the tests share: the scripted provider, the world of one test, namespaces, random numbers, and how a test waits and
//! says that it cannot run here. A crate of its own, so that each test links it instead of compiling it again. What only one
//! test binary needs stays there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on must say so by panicking"
)]
#![allow(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    clippy::new_without_default,
    reason = "for callers that do not know this crate; ours are in this repository"
)]

pub mod name_server;
pub mod namespace;
pub mod need;
pub mod numbered;
pub mod points;
pub mod power_cut;
pub mod provider;
pub mod random;
pub mod schema;
pub mod terminal;
pub mod wait;
pub mod web;
pub mod world;
