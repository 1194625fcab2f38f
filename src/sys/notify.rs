//! Telling the service manager that the runner works, as `sd_notify`(3) does, where one asked for it.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::log;

/// Names the manager's socket: a path, or `@` and an abstract name.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has the lock and hears; what depends on it may start.
    Ready,
    /// It finishes what it has in hand.
    Stopping,
}

/// Tells the manager, if there is one.
pub fn tell(state: State) {
    let Some(name) = std::env::var_os(VARIABLE) else { return };
    let text: &[u8] = match state {
        State::Ready => b"READY=1",
        State::Stopping => b"STOPPING=1",
    };
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
