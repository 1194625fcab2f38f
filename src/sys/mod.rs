//! The operating system: users, privileges, host names, clocks, file changes, the service manager, hardening. Calls that only
//! Linux has, or that only some systems have, are here, so that a port of the program `postrider` only touches this folder. The
//! privileged programs in `src/drop` and `src/mailbox` use nothing from here, and have such calls of their own.

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
pub mod name_service;
pub mod notify;
pub mod passed_sockets;
pub mod peer;
pub mod privileges;
pub mod random;
pub mod replaced_file;
pub mod stream_socket;
pub mod sysexits;
pub mod units;
pub mod unnamed_file;
pub mod user;
pub mod without_links;
