//! What mail is: addresses, header fields, identifiers, outcomes.
//! Bytes and values only; nothing here does I/O or reads a clock.

pub mod address;
pub mod address_class;
pub mod dsn;
pub mod fold_case;
pub mod header;
pub mod list;
pub mod mime;
pub mod notice;
pub mod outcome;
pub mod printable;
pub mod stamp;
pub mod subject;
pub mod submitter;
