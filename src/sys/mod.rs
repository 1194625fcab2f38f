//! What only the operating system knows or does: users, privileges, host names, clocks, file changes, notifying the
//! service manager, hardening. Every call that only Linux has is here, so that a port to another system begins and ends
//! in this folder. `src/drop` has its own: the privileged program uses nothing of the rest.

pub mod boot_clock;
pub mod descriptor;
pub mod folder_watch;
pub mod harden;
pub mod host;
pub mod interfaces;
pub mod local_time;
pub mod notify;
pub mod peer;
pub mod privileges;
pub mod random;
pub mod sysexits;
pub mod unnamed_file;
pub mod user;
