//! What only the operating system knows or does: users, host names, local time, notifying
//! the service manager, hardening. The place to look first when porting.

pub mod harden;
pub mod host;
pub mod local_time;
pub mod notify;
pub mod random;
pub mod sysexits;
pub mod user;
