//! An LMTP server over any stream, and what decides whose mailbox a recipient's is: the users of this machine, and the line of the
//! configuration that says where mail lies. How a mailbox is written is in postrider-mailstore. Nothing here can panic (see the
//! lints in Cargo.toml).

pub mod lmtp;
pub mod setting;
pub mod users;

/// Where the program listens for the runner.
pub const SOCKET: &str = "/run/postrider/mailbox";
