//! Fault tests: a crash at every system call of the write path and of the delivery path in
//! turn, and every error that a disk can give at each of them. Faults are made by strace's
//! injection, which sees every system call; where strace is missing, they are skipped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must say so by panicking"
)]

mod clock;
mod crash;
mod digest;
mod errors;
mod full_disk;
mod power;
mod restore;
