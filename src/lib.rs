//! postrider: the mail slot of a machine that is not a mail server.
//!
//! The library is the whole program; the binaries are one line each.
//! Modules are layers, lowest first. A file uses only layers above it in this
//! list, or files of its own folder; `tests/house.rs` holds this rule.
//!
//! 0. `postrider_drop` - framing of a submission, and how a file comes to stay
//! 1. [`mail`] - what mail is, no I/O
//! 2. [`events`], [`tls`], [`config`] - the log, certificates, the config file
//! 3. [`rules`], [`spool`] - pure decisions; mail at rest
//! 4. [`submit`], [`deliver`] - mail in; mail out
//! 5. [`runner`] - the process that empties the queue
//! 6. [`cli`] - the only code that prints or exits

pub mod mail;

pub mod config;
pub mod events;
pub mod tls;

pub mod rules;
pub mod spool;

pub mod deliver;
pub mod submit;

pub mod runner;

pub mod cli;
