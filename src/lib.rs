//! postrider: a send-only sendmail replacement. `src/README.md` is the guide to this source, and `src/LIFE.md` follows one
//! message through it.
//!
//! The library is the whole program; the binaries are one line each.
//! Modules are layers, lowest first. A file uses only layers above it in this
//! list, or files of its own folder; `tests/house` holds this rule.
//!
//! 0. `postrider_drop` - framing of a submission, and how a file comes to stay
//! 1. [`mail`] - what mail is, no I/O
//! 2. [`log`], [`sys`], [`tls`] - the log, the operating system, certificates
//! 3. [`archive`], [`https`] - many files in one; requests to web servers
//! 4. [`config`] - the config file
//! 5. [`import`], [`rules`], [`spool`] - other programs' configs; pure decisions; mail at rest
//! 6. [`submit`], [`deliver`] - mail in; mail out
//! 7. [`control`] - asking about the queue and changing it
//! 8. [`runner`] - the process that empties the queue
//! 9. [`cli`] - the only code that prints or exits

pub mod mail;

pub mod log;
pub mod sys;
pub mod tls;

pub mod archive;
pub mod https;

pub mod config;

pub mod import;
pub mod rules;
pub mod spool;

pub mod deliver;
pub mod submit;

pub mod control;

pub mod runner;

pub mod cli;
