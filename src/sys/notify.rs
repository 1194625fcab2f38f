//! Notifies the service manager of the runner's state, like `sd_notify`(3), if it asked for that.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::log;

/// The variable with the manager's socket: a path, or `@` and an abstract name.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// The states that are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The runner has the lock and listens. Units that depend on it may start.
    Ready,
    /// The runner is finishing its work.
    Stopping,
}

/// Whether there is a service manager.
#[must_use]
pub fn is_wanted() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Notifies the service manager, if there is one.
pub fn tell(state: State) {
    notify(match state {
        State::Ready => b"READY=1",
        State::Stopping => b"STOPPING=1",
    });
}

/// Gives it a line to show, which everybody may read.
pub fn status(line: &str) {
    notify(format!("STATUS={}", line.replace(|c: char| c.is_control(), " ")).as_bytes());
}

fn notify(text: &[u8]) {
    let Some(name) = std::env::var_os(VARIABLE) else { return };
    if let Err(error) = send(name.as_bytes(), text) {
        log::warning(format_args!("cannot notify the service manager ({VARIABLE}): {error}"));
    }
}

fn send(name: &[u8], text: &[u8]) -> io::Result<()> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
    };
    UnixDatagram::unbound()?.send_to_addr(text, &address).map(|_| ())
}

#[cfg(test)]
mod tests;
