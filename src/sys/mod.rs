//! The operating system: users, privileges, host names, clocks, file changes, the service manager, hardening. All
//! calls that only Linux has are here, so that a port to another system only touches this folder. `src/drop` has its
//! own calls, because the privileged program uses nothing from here.

pub mod boot_clock;
pub mod descriptor;
pub mod dhcp_pools;
pub mod first_process;
pub mod folder_watch;
pub mod given_folder;
pub mod harden;
pub mod host;
pub mod interfaces;
pub mod local_time;
pub mod mount;
pub mod notify;
pub mod passed_sockets;
pub mod peer;
pub mod privileges;
pub mod random;
pub mod replaced_file;
pub mod sysexits;
pub mod units;
pub mod unnamed_file;
pub mod user;
