//! Guards the structure of the program: which file may use which, which crates only one folder may name, what things are
//! called, where tests live, and the small things that decay first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must say so by panicking"
)]

mod circles;
mod imports;
mod layers;
mod names;
mod parameters;
mod report_kinds;
mod source;
mod texts;
mod translations;
mod unit_tests;

/// One line per offence; none is what is wanted.
#[track_caller]
fn none(offences: impl IntoIterator<Item = String>) {
    let offences: Vec<String> = offences.into_iter().collect();
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}
