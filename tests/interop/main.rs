//! Interop: real callers on one side, a real provider on the other, postrider between them. Each test starts a Postfix with Dovecot SASL
//! and TLS of its own on loopback, and a "machine": namespaces with private /etc, /run, /home and spool, in which our programs are the
//! system's sendmail. Needs root and the programs named in `need`; without them the tests say so and pass, or fail if
//! `POSTRIDER_INTEROP=require` is set, as CI does.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alarms;
mod arrived;
mod callers;
mod colour;
mod config;
mod contrib;
mod differential;
mod guessing;
mod imported;
mod logs;
mod machine;
mod mailboxes;
mod mechanisms;
mod monitoring;
mod need;
mod oauth;
mod peers;
mod private_ca;
mod prometheus;
mod provider;
mod refused_mail;
mod relay_tier;
mod submission;
