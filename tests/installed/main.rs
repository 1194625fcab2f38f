//! The package on a bare Debian: installed as the README says, used by cron, by people and by a hardened service, rebooted, upgraded,
//! broken and purged. `run`, beside this file, builds the packages and the tree that this needs; without them it is left out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must say so by panicking"
)]

mod by_machines;
mod container;
mod downloads;
mod exim_replaced;
mod imported;
mod package_life;
mod traces;
mod watched;
