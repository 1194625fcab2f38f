//! Looking at the queue and changing it: the protocol of the runner's two sockets, who may see
//! and change what, and what takes the spool alone. The event loop, which does the rest, is
//! in `runner`.

pub mod access;
pub mod account_files;
pub mod alarm;
pub mod alarm_files;
pub mod certificate_end;
pub mod client;
pub mod clock_health;
pub mod error;
pub mod exposition;
mod fallback;
pub mod idle_runner;
pub mod listeners;
pub mod listing;
pub mod loaded;
pub mod local_recipient;
pub mod message_detail;
pub mod message_ids;
pub mod modify;
pub mod own_mailbox;
pub mod password_end;
pub mod private_ca;
pub mod protocol;
pub mod queue_access;
pub mod report;
pub mod runner_health;
pub mod selection;
pub mod silence;
pub mod spool_health;
pub mod status;
pub mod verify;
